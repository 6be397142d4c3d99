interface RawAuthority {
  readonly name: string;
  readonly keys: readonly string[];
  readonly trustedRoot?: string | undefined;
  readonly identities: readonly unknown[];
}

interface RawRule {
  readonly name?: string | undefined;
  readonly static?: string | undefined;
  readonly signedBy: readonly string[];
  readonly age?: { readonly unlessSignedBy: readonly string[] } | undefined;
}

interface RawAdmission {
  readonly authorities?: readonly RawAuthority[] | undefined;
  readonly rules?: readonly RawRule[] | undefined;
}

export interface AdmissionMistake {
  readonly path: (string | number)[];
  readonly message: string;
}

/** What single keys cannot show. */
export function findAdmissionMistakes({ authorities = [], rules = [] }: RawAdmission): AdmissionMistake[] {
  const known = authorities.map(({ name }) => name);
  return [
    ...repeated('authorities', known),
    ...repeated(
      'rules',
      rules.map(({ name }, i) => name ?? String(i + 1)),
    ),
    ...authorities.flatMap((authority, i) =>
      mistakesOfAuthority(authority).map(([key, message]) => ({ path: ['authorities', i, key], message })),
    ),
    ...rules.flatMap((rule, i) =>
      mistakesOfRule(rule, known).map(([key, message]) => ({ path: ['rules', i, key], message })),
    ),
  ];
}

type Mistake = readonly [key: string, message: string];

function mistakesOfAuthority({ keys, trustedRoot, identities }: RawAuthority): Mistake[] {
  const hasIdentities = identities.length > 0;
  if (keys.length > 0) {
    if (hasIdentities) return [['identities', 'have no effect on keys (use two authorities)']];
    return trustedRoot === undefined ? [] : [['trustedroot', 'has no effect on keys (use two authorities)']];
  }
  if (trustedRoot === undefined) return [['keys', 'are missing (or trustedroot and identities)']];
  return hasIdentities ? [] : [['identities', 'are missing: anyone can get a certificate']];
}

function mistakesOfRule(rule: RawRule, known: readonly string[]): Mistake[] {
  const { signedBy, age } = rule;
  const hasCondition = signedBy.length > 0 || age !== undefined;
  if (rule.static === undefined && !hasCondition)
    return [['images', 'have no condition (add static, signedby or minage)']];
  if (rule.static !== undefined && hasCondition)
    return [['static', 'decides alone (remove it, or signedby and minage)']];
  return [
    ...unknownAuthorities('signedby', signedBy, known),
    ...unknownAuthorities('unless', age?.unlessSignedBy ?? [], known),
  ];
}

function unknownAuthorities(key: string, names: readonly string[], known: readonly string[]): Mistake[] {
  const listed = known.join(', ') || 'none';
  return names
    .filter((name) => !known.includes(name))
    .map((name) => [key, `${name} is not one of policy.admission.authorities (configured: ${listed})`]);
}

function repeated(list: string, names: readonly string[]): AdmissionMistake[] {
  return names.flatMap((name, i) => {
    const first = names.indexOf(name);
    return first === i ? [] : [{ path: [list, i, 'name'], message: `is also the name of ${list}[${first}]` }];
  });
}
