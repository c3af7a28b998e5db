/** A page of documentation as what it shows a person: commands to type, and what they print. */
import fs from 'node:fs';
import path from 'node:path';

export type CommandBlock = {
  /** Of the fence, for messages. */
  line: number;
  body: string;
  /** Words after `sh`: `norun`. */
  marks: readonly string[];
  /** The block of output right below, or null. */
  sample: string | null;
};

type Fence = { line: number; language: string; marks: readonly string[]; body: string; end: number };

export function readPage(root: string, name: string): CommandBlock[] {
  const fences = readFences(fs.readFileSync(path.join(root, name), 'utf8').split('\n'));
  return fences.flatMap(({ line, language, marks, body, end }, at) => {
    if (language !== 'sh') return [];
    const next = fences[at + 1];
    const isBelow = next?.language === 'text' && next.line - end <= 2;
    return [{ line, body, marks, sample: isBelow ? next.body : null }];
  });
}

function readFences(lines: readonly string[]): Fence[] {
  const fences: Fence[] = [];
  let open: { line: number; info: string } | null = null;
  for (const [index, text] of lines.entries()) {
    if (!text.startsWith('```')) continue;
    if (open === null) {
      open = { line: index + 1, info: text.slice(3) };
      continue;
    }
    const [language = '', ...marks] = open.info.split(' ');
    fences.push({ line: open.line, language, marks, body: lines.slice(open.line, index).join('\n'), end: index + 1 });
    open = null;
  }
  return fences;
}

/**
 * Compares what was printed with what a page shows. Numbers, times and how wide columns are may differ; `…` stands for
 * anything, on a line of its own for any number of lines. Gives null, or the first line that is not as shown.
 */
export function differsFrom(sample: string, printed: string): string | null {
  const shown = linesOf(sample);
  const found = linesOf(printed);
  let isOpen = false;
  for (const line of shown) {
    if (line === '…') {
      isOpen = true;
      continue;
    }
    const at = isOpen ? found.findIndex((each) => fits(line, each)) : fits(line, found[0] ?? '') ? 0 : -1;
    if (at === -1) return `shown: ${line}\nprinted: ${found[0] ?? '(nothing more)'}`;
    found.splice(0, at + 1);
    isOpen = false;
  }
  return isOpen || found.length === 0 ? null : `shown: (nothing more)\nprinted: ${found[0]}`;
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map(blur)
    .filter((line) => line !== '');
}

/** Takes out what is another each time. A cell that is not known yet is `-`. */
function blur(line: string): string {
  return line
    .replaceAll(/\b\d+ (?:d|h|min|s)(?: \d+ (?:h|min|s))?\b/g, '0')
    .replaceAll(/\b\d+(?:\.\d+)? (?:%|MB|ms)/g, '0')
    .replaceAll(/\d+/g, '0')
    .replaceAll(/(?<= )-(?= |$)/g, '0')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function fits(shown: string, printed: string): boolean {
  const pattern = shown
    .split('…')
    .map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`).test(printed);
}
