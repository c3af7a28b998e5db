/** Asks systemd. It may be missing, or not run here (a container): then a person is told what to type elsewhere. */
import { failed, ok, type Result } from 'animus-protocol';
import type { CliContext } from '../context.ts';
import { runToEnd } from '../exec.ts';
import type { Place } from './place.ts';

type Environment = CliContext['environment'];

/** The error is what systemctl said. */
export async function systemctl(
  { scope }: Pick<Place, 'scope'>,
  words: readonly string[],
  environment: Environment,
): Promise<Result<string, string>> {
  const ran = await runToEnd('systemctl', [...(scope === 'user' ? ['--user'] : []), ...words], environment);
  if (ran === null) return failed('systemctl is not installed');
  if (ran.code === 0) return ok(ran.stdout.trim());
  const said = ran.stderr.trim() || ran.stdout.trim();
  return failed(said === '' ? `systemctl ${words.join(' ')} ended with ${ran.code}` : said);
}

/** Whether a user's systemd runs without them being logged in; null when nobody can say. */
export async function isLingering(user: string, environment: Environment): Promise<boolean | null> {
  const ran = await runToEnd('loginctl', ['show-user', user, '--property=Linger', '--value'], environment);
  if (ran === null) return null;
  // Of a user who is not logged in and does not linger, logind knows nothing.
  if (ran.code !== 0) return /not logged in|not lingering|no user/i.test(ran.stderr) ? false : null;
  return ran.stdout.trim() === 'yes';
}

export type UnitState = { enabled: boolean; active: boolean; mainPid: number | null };

/** What systemd makes of the unit; the error is why it cannot be asked. */
export async function readState(place: Place, environment: Environment): Promise<Result<UnitState, string>> {
  const shown = await systemctl(place, ['show', place.unit, '--property=UnitFileState,ActiveState,MainPID'], environment);
  if (!shown.ok) return shown;
  const properties = new Map(shown.value.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const pid = Number(properties.get('MainPID') ?? 0);
  return ok({
    enabled: properties.get('UnitFileState') === 'enabled',
    active: /^(active|activating|reloading)$/.test(properties.get('ActiveState') ?? ''),
    mainPid: pid > 0 ? pid : null,
  });
}
