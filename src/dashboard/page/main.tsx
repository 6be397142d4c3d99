import './styles/base.css';
import './styles/controls.css';
import './styles/content.css';
import './styles/charts.css';

import { render } from 'preact';

import { Shell } from './shell.tsx';
import { followLinks } from './state/place.ts';
import { startRefreshing } from './state/refresher.ts';
import { followVisibility } from './state/server-events.ts';
import { followSession, loadSession } from './state/session.ts';
import { followTheme } from './state/theme.ts';
import { followKeys } from './view/keys.tsx';

followTheme();
followLinks();
followKeys();
followSession();
followVisibility();
startRefreshing();
void loadSession();
render(<Shell />, document.body);
