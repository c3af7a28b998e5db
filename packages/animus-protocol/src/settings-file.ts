/**
 * A JSON file that a person wrote → a value of its schema and every fault at once: where it is no JSON,
 * which values are wrong and what is allowed instead, which keys are unknown or stand twice.
 */
import * as v from 'valibot';
import { readJson } from './json-text.ts';
import { type Problem, unknownKeyProblem } from './problem.ts';
import { isSecretKey } from './secrets.ts';

/** Every object of a file and the keys it may have; null: any. The path is dotted, '' is the file itself, `*` any key. */
export type KnownKeys = readonly (readonly [path: string, keys: readonly string[] | null])[];

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
    for (const at of matchPath(written, path === '' ? [] : path.split('.'))) problems.push(...checkObject(file, written, at, keys));
  }
  if (Array.isArray(written)) return { value: null, problems };
  for (;;) {
    const parsed = v.safeParse(schema, written);
    if (parsed.success) return { value: parsed.output, problems };
    problems.push(...describeIssues(file, parsed.issues));
    const paths = parsed.issues.map(pathOf);
    if (paths.some((path) => path.length === 0)) return { value: null, problems };
    for (const path of paths) leaveOut(written, path);
  }
}

/** valibot takes an array for an object, so that is looked at here; the array is then left out. */
function checkObject(file: string, written: unknown, at: readonly string[], keys: readonly string[] | null): Problem[] {
  const value = valueAt(written, at);
  const path = at.join('.');
  if (Array.isArray(value)) {
    leaveOut(written, at);
    const shown = at.length === 0 ? {} : { value: showValue(value) };
    return [{ file, key: path === '' ? 'the whole file' : path, ...shown, message: 'write an object: { … }', severity: 'error' }];
  }
  if (keys === null || !isObject(value)) return [];
  return Object.keys(value).flatMap((key) => (keys.includes(key) ? [] : [unknownKeyProblem(file, [...at, key].join('.'), keys)]));
}

/** The places in `written` that a path with `*` names. */
function matchPath(written: unknown, path: readonly string[], at: readonly string[] = []): string[][] {
  const [step, ...rest] = path;
  if (step === undefined) return [[...at]];
  if (!isObject(written)) return [];
  const keys = step === '*' ? Object.keys(written) : [step].filter((key) => Object.hasOwn(written, key));
  return keys.flatMap((key) => matchPath(written[key], rest, [...at, key]));
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
    // Where the key itself is wrong, there is no value to show.
    const isHidden = path.length === 0 || issue.path?.at(-1)?.origin === 'key' || path.some(isSecretKey);
    const shown = isHidden ? {} : { value: showValue(issue.input) };
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
  const parent = valueAt(written, path.slice(0, -1));
  if (isObject(parent) && key !== undefined) delete parent[key];
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined), value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
