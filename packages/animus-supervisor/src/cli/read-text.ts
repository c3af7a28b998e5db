import fs from 'node:fs';

/** A file's text, or null when it is not there or not ours to read. */
export function readText(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
