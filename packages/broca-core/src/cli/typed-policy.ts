/** A hint names the command as this person would type it: `broca queue show 5`, or `animus queue ada show 5`. */

const COMMANDS = 'send|chat|queue|users|conversations|settings|ignore|outbound|telegram';
const COMMAND = new RegExp(`\\bbroca (${COMMANDS})\\b`, 'g');

/** `agent`: as the person named it to `animus`; null when they typed `broca`. Other hints stay as they are. */
export function asTyped(text: string, agent: string | null): string {
  if (agent === null) return text;
  const named = (command: string): string => `animus ${command} ${agent}`;
  return text
    .replace(/, or with broca run( in the agent folder)?/g, '')
    .replace(COMMAND, (_hint, command: string) => named(command))
    .replace(/\banimus (start|restart)\b(?: agent-[\w.-]+)?/g, (_hint, command: string) => named(command));
}
