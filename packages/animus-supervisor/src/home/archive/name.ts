/** Which names files may have in an archive: relative, plain, without a way up. */

const LONGEST_NAME = 1_024;

export function isArchiveName(name: string): boolean {
  const parts = name.split('/');
  const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  return isPlain && name.length <= LONGEST_NAME && !name.includes('\\') && !hasControlCharacter(name);
}

function hasControlCharacter(text: string): boolean {
  return [...text].some((character) => character < ' ' || character === '\u007f');
}
