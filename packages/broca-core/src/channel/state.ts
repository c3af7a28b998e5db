/** What channels remember for themselves: small values in the agent's database, changed together with their messages. */
import { type Store, storageFault } from '../store/open.ts';
import type { ChannelState, StateChanges } from './channel.ts';

export type ChannelStates = {
  of(channel: string): ChannelState;
  /** Inside the caller's transaction. */
  change(channel: string, changes: StateChanges): void;
};

export function createChannelStates(store: Store, onStorage: (fault: string) => void): ChannelStates {
  const get = store.prepare<[string, string], string>('SELECT value FROM channel_state WHERE channel = ? AND key = ?').pluck();
  const list = store
    .prepare<[{ channel: string; prefix: string }], [string, string]>(
      'SELECT key, value FROM channel_state WHERE channel = @channel AND key >= @prefix AND substr(key, 1, length(@prefix)) = @prefix ORDER BY key',
    )
    .raw();
  const set = store.prepare(
    'INSERT INTO channel_state (channel, key, value) VALUES (?, ?, ?) ON CONFLICT (channel, key) DO UPDATE SET value = excluded.value',
  );
  const remove = store.prepare('DELETE FROM channel_state WHERE channel = ? AND key = ?');

  const change = (channel: string, changes: StateChanges): void => {
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) remove.run(channel, key);
      else set.run(channel, key, value);
    }
  };
  const changeAlone = store.transaction(change);

  return {
    change,
    of: (channel) => ({
      get: (key) => get.get(channel, key) ?? null,
      list: (prefix) => list.all({ channel, prefix }),
      put(changes) {
        try {
          changeAlone.immediate(channel, changes);
          return true;
        } catch (error) {
          const fault = storageFault(error);
          if (fault === null) throw error;
          onStorage(fault);
          return false;
        }
      },
    }),
  };
}
