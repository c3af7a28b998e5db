/**
 * Sets one value in the text of a JSON file and leaves every other byte as its owner wrote it.
 *
 * jsonc-parser was tried first: its package has no `exports`, so Node finds no named export in its UMD
 * build, and esbuild's bundle of it stops with "Dynamic require of ./impl/format". The places of all values
 * are known from our own reader anyway (it names the line of a fault), which leaves these lines.
 */
import { type JsonMember, type JsonNode, readJson } from './json-text.ts';
import { failed, ok, type Result } from './result.ts';

/** `path` names the value from the root; objects that it passes through are made when missing. */
export function setJsonValue(text: string, path: readonly string[], value: unknown): Result<string, string> {
  const read = readJson(text);
  if (!read.ok) return failed(`line ${read.error.line}:${read.error.column}: not JSON: ${read.error.message}`);
  const style = styleOf(text, read.value.root);
  let node = read.value.root;
  for (const [depth, name] of path.entries()) {
    if (node.members === null) return failed(`${path.slice(0, depth).join('.') || 'the file'} is no object, so it cannot hold ${name}`);
    const member = memberOf(node, name);
    if (member === undefined) return ok(insertMember(text, node, name, nest(path.slice(depth + 1), value), style));
    node = member.node;
  }
  return ok(text.slice(0, node.start) + write(value, indentAt(text, node.start), style) + text.slice(node.end));
}

/** The value that counts at `path`: the last one, where a key stands twice. */
export function findJsonNode(root: JsonNode, path: readonly string[]): JsonNode | null {
  return path.reduce<JsonNode | null>((node, name) => (node === null ? null : (memberOf(node, name)?.node ?? null)), root);
}

type Style = { newline: string; unit: string; colon: string; isOneLine: boolean };

function styleOf(text: string, root: JsonNode): Style {
  const first = root.members?.[0];
  const indent = first === undefined ? '' : indentAt(text, first.start);
  return {
    newline: text.includes('\r\n') ? '\r\n' : '\n',
    unit: indent === '' ? '  ' : indent,
    colon: first !== undefined && !/:\s/.test(text.slice(first.start, first.node.start)) ? ':' : ': ',
    isOneLine: first !== undefined && !text.slice(root.start, root.end).includes('\n'),
  };
}

function memberOf(node: JsonNode, name: string): JsonMember | undefined {
  return node.members?.findLast((member) => member.name === name);
}

function insertMember(text: string, into: JsonNode, name: string, value: unknown, style: Style): string {
  const last = into.members?.at(-1);
  const first = into.members?.[0];
  const own = indentAt(text, into.start);
  const isInline = first === undefined ? style.isOneLine : !text.slice(into.start, first.start).includes('\n');
  const indent = first === undefined || isInline ? own + style.unit : indentAt(text, first.start);
  const member = `${JSON.stringify(name)}${style.colon}${write(value, indent, isInline ? { ...style, isOneLine: true } : style)}`;
  if (last !== undefined) {
    const gap = isInline ? (style.colon === ':' ? '' : ' ') : style.newline + indent;
    return `${text.slice(0, last.node.end)},${gap}${member}${text.slice(last.node.end)}`;
  }
  const inside = isInline ? member : `${style.newline}${indent}${member}${style.newline}${own}`;
  return `${text.slice(0, into.start)}{${inside}}${text.slice(into.end)}`;
}

function write(value: unknown, indent: string, style: Style): string {
  if (style.isOneLine) return JSON.stringify(value);
  return JSON.stringify(value, null, style.unit).replaceAll('\n', style.newline + indent);
}

/** The blanks before the first character of the line that `at` stands in. */
function indentAt(text: string, at: number): string {
  const line = text.slice(text.lastIndexOf('\n', at - 1) + 1, at);
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

function nest(path: readonly string[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
}
