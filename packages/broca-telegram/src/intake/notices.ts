/** What the channel says by itself. */
export const NOTICE = {
  start: 'Hello. Write to me, and the agent answers here.',
  help: 'Write what you want to say: text, photos or files. The agent answers here. Messages that come quickly one after the other are read together.',
  owner: 'You are the owner now. Write to me, and the agent answers here.',
  approved: 'The owner let you in. Write to me, and the agent answers here.',
  stranger: 'This is a private line: only people whom its owner lets in can talk here.',
  pairing: (code: string): string =>
    `This is a private line. If you know its owner, give them this code, and they can let you in: ${code}\nIt is good for a day.`,
  refused: (reason: string): string => `Your message was not taken: ${reason}.`,
} as const;
