/**
 * A JSON file that a person wrote → a value of its schema and every fault at once: where it is no JSON,
 * which values are wrong and what is allowed instead, which keys are unknown or stand twice.
 */
import * as v from 'valibot';
import { readJson } from './json-text.ts';
import { type Problem, unknownKeyProblem } from './problem.ts';
import { isSecretKey } from './secrets.ts';

/** Keys that each object may have; the path is dotted, '' is the file itself. */
export type KnownKeys = readonly (readonly [path: string, keys: readonly string[]])[];

/** Longest piece of a person's value that a message repeats. */
const LONGEST_SHOWN = 60;

/**
 * `value` is what remains once wrong values are left out (each key of these files may be missing), so that faults
 * across files are found in the same pass; null when nothing can be read. Whether it may be used, the problems say.
 */
export function parseJsonFile<T>(
  file: string,
  text: string,
  schema: v.GenericSchema<unknown, T>,
  known: KnownKeys,
): { value: T | null; problems: Problem[] } {
  const read = readJson(text);
  if (!read.ok) {
    const { line, column, message } = read.error;
    return { value: null, problems: [{ file, key: `line ${line}:${column}`, message: `not JSON: ${message}`, severity: 'error' }] };
  }
  const { value: written, duplicates } = read.value;
  const problems: Problem[] = duplicates.map((key) => ({
    file,
    key,
    message: 'stands more than once; the last one counts',
    severity: 'warning',
  }));
  for (const [path, keys] of known) {
    const at = path === '' ? [] : path.split('.');
    for (const key of Object.keys(objectAt(written, at) ?? {})) {
      if (!keys.includes(key)) problems.push(unknownKeyProblem(file, [...at, key].join('.'), keys));
    }
  }
  for (;;) {
    const parsed = v.safeParse(schema, written);
    if (parsed.success) return { value: parsed.output, problems };
    problems.push(...describeIssues(file, parsed.issues));
    const paths = parsed.issues.map(pathOf);
    if (paths.some((path) => path.length === 0)) return { value: null, problems };
    for (const path of paths) leaveOut(written, path);
  }
}

type Issue = v.BaseIssue<unknown>;

function pathOf(issue: Issue): string[] {
  return (issue.path ?? []).map(({ key }) => String(key));
}

/** One problem a key: the schema's first complaint about it says what is allowed. */
function describeIssues(file: string, issues: readonly Issue[]): Problem[] {
  const problems = new Map<string, Problem>();
  for (const issue of issues) {
    const path = pathOf(issue);
    const key = path.length === 0 ? 'the whole file' : path.join('.');
    if (problems.has(key)) continue;
    const shown = path.length === 0 || path.some(isSecretKey) ? {} : { value: showValue(issue.input) };
    problems.set(key, { file, key, ...shown, message: issue.message, severity: 'error' });
  }
  return [...problems.values()];
}

/** A value as a message repeats it: JSON, so that "true" and true differ, and short. */
export function showValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** `written` is the fresh output of JSON.parse: nobody else holds it. */
function leaveOut(written: unknown, path: readonly string[]): void {
  const key = path.at(-1);
  const parent = objectAt(written, path.slice(0, -1));
  if (parent !== null && key !== undefined) delete parent[key];
}

function objectAt(value: unknown, path: readonly string[]): Record<string, unknown> | null {
  if (!isObject(value)) return null;
  const [key, ...rest] = path;
  return key === undefined ? value : objectAt(Object.hasOwn(value, key) ? value[key] : undefined, rest);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
