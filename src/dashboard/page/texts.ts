import { activityTexts } from './texts/activity.ts';
import { contentTexts } from './texts/content.ts';
import { imageDetailTexts } from './texts/image-details.ts';
import { shellTexts } from './texts/shell.ts';
import { upkeepTexts } from './texts/upkeep.ts';

/** Every text of the dashboard. */
export const texts = { ...shellTexts, ...activityTexts, ...contentTexts, ...imageDetailTexts, ...upkeepTexts } as const;
