/** What may be added to a Broca's environment and to Node's options: nothing that changes what code runs or what it may touch. */
import * as v from 'valibot';
import { ENVIRONMENT_KEYS } from './environment.ts';
import { isSecretKey } from './secrets.ts';

/** They make Node or the loader run code from elsewhere, or undo what the other keys say. */
const REFUSED_VARIABLES: Readonly<Record<string, string>> = {
  NODE_OPTIONS: 'write the options under node_options, where they are checked',
  NODE_PATH: 'a Broca loads its packages from the runtime alone',
  NODE_V8_COVERAGE: 'it makes every Broca write files while it ends',
  BASH_ENV: 'it makes a shell run code from elsewhere',
  ENV: 'it makes a shell run code from elsewhere',
};

/** Why a variable may not be added, or null. */
function refuseVariable(name: string): string | null {
  const refused = REFUSED_VARIABLES[name];
  if (refused !== undefined) return refused;
  if (/^(LD|DYLD)_/.test(name)) return 'it makes the loader run code from elsewhere, which no agent is given';
  if (name.startsWith('ANIMUS_')) return 'names that begin with ANIMUS_ are the supervisor’s own';
  if (ENVIRONMENT_KEYS.includes(name)) return "Broca reads it from the agent's own .env: write it there";
  if (isSecretKey(name)) return "its name says that it is secret: write it into the agent's own .env; an environment can be read by others";
  return null;
}

const VARIABLE_NAME = 'a name has letters, digits and _, and does not begin with a digit';
const VARIABLE_VALUE = 'write a text in quotes, or null to take it away';
export const addedEnvironment: v.GenericSchema<Record<string, string | null>> = v.record(
  v.pipe(
    v.string(),
    v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, VARIABLE_NAME),
    // Not in the JSON Schema: which names are secret is more than a pattern without flags can say.
    v.check(
      (name) => refuseVariable(name) === null,
      ({ input }) => refuseVariable(input) ?? '',
    ),
  ),
  v.nullable(v.pipe(v.string(VARIABLE_VALUE), v.regex(/^[^\0]{0,8192}$/, 'is too long, or holds a NUL'))),
  'write an object with names of variables as keys, for example { "HTTPS_PROXY": "http://proxy:3128" }',
);

/** Node's options that may be given, with what may follow "=" (null: nothing). */
const NODE_OPTIONS: Readonly<Record<string, string | null>> = {
  '--disable-warning': '[A-Za-z0-9_]+',
  '--dns-result-order': '(?:ipv4first|ipv6first|verbatim)',
  '--enable-source-maps': null,
  '--heapsnapshot-near-heap-limit': '[0-9]{1,3}',
  '--max-http-header-size': '[0-9]{1,8}',
  '--max-semi-space-size': '[0-9]{1,4}',
  '--network-family-autoselection-attempt-timeout': '[0-9]{1,6}',
  '--no-deprecation': null,
  '--no-network-family-autoselection': null,
  '--no-warnings': null,
  '--openssl-legacy-provider': null,
  '--report-exclude-env': null,
  '--stack-trace-limit': '[0-9]{1,4}',
  '--throw-deprecation': null,
  '--tls-max-v1.2': null,
  '--tls-min-v1.0': null,
  '--tls-min-v1.2': null,
  '--tls-min-v1.3': null,
  '--trace-deprecation': null,
  '--trace-exit': null,
  '--trace-gc': null,
  '--trace-uncaught': null,
  '--trace-warnings': null,
  '--use-bundled-ca': null,
  '--use-openssl-ca': null,
  '--use-system-ca': null,
  '--v8-pool-size': '[0-9]{1,2}',
};
const ONE_NODE_OPTION = Object.entries(NODE_OPTIONS)
  .map(([name, value]) => name.replaceAll('.', '\\.') + (value === null ? '' : `=${value}`))
  .join('|');
export const NODE_OPTIONS_PATTERN: RegExp = new RegExp(`^(?:(?:${ONE_NODE_OPTION})(?: (?=-)|$))*$`);

/** What to do about the first option that may not be given. */
export function refuseNodeOptions(text: string): string {
  const words = text.split(' ').filter((word) => word !== '');
  const option = words.find((word) => !NODE_OPTIONS_PATTERN.test(word));
  if (option === undefined) return 'write the options one after another, with one blank between them';
  const [name = ''] = option.split('=');
  if (/^--max[-_]old[-_]space/.test(name)) return `${name} follows from memory_megabytes: write that instead`;
  if (/^--inspect/.test(name))
    return `${name} lets every user of this machine run code in the agent; stop it and start it by hand to debug`;
  if (Object.hasOwn(NODE_OPTIONS, name)) {
    const value = NODE_OPTIONS[name];
    return value === null ? `${name} takes no value` : `${name} needs a value as in ${name}=${exampleOf(value ?? '')}`;
  }
  return `${JSON.stringify(name)} may not be given; there are: ${Object.keys(NODE_OPTIONS).join(' ')}`;
}

function exampleOf(pattern: string): string {
  if (pattern.startsWith('(?:')) return pattern.slice(3).split('|')[0] ?? '';
  return pattern.startsWith('[0-9]') ? '8' : 'DEP0040';
}
