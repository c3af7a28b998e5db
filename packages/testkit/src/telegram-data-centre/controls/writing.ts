/** What people without a client write, and how the news of it travel. */
import crypto from 'node:crypto';
import type { FileSettings, PushOptions, TelegramDataCentre } from '../telegram.ts';
import type { Account, Forward, Group, Media, Message, StoredFile } from '../world/model.ts';
import { copiesOf, type Draft, edit, post, remove } from '../world/post.ts';
import type { World } from '../world/world.ts';
import { peerOf, type Stage } from './stage.ts';

type Writing = Pick<
  TelegramDataCentre,
  | 'pushText'
  | 'pushFile'
  | 'pushAlbum'
  | 'pushPlace'
  | 'pushContact'
  | 'pushTitle'
  | 'createTopic'
  | 'pushEdit'
  | 'pushDelete'
  | 'pushTyping'
  | 'holdPushes'
  | 'releasePushes'
  | 'repeatPushes'
  | 'pushTooLong'
  | 'forgetUpdates'
  | 'expireFileReferences'
>;

export function writing(stage: Stage): Writing {
  const { world } = stage;
  const write = (from: Account, to: Account | Group, content: Partial<Draft>, options: PushOptions = {}): Message =>
    post(
      world,
      {
        ...{ from: from.id, to: peerOf(to), text: '', entities: options.entities ?? [], topic: options.topic?.id ?? null },
        ...{ forward: forwardOf(options.forwardedFrom), ...content, ...replyTo(world, from, to, options) },
      },
      null,
    );
  return {
    ...travel(stage),
    pushText: (from, to, text, options) => write(from, to, { text }, options),
    pushFile: (from, to, file, caption = '', options) => write(from, to, { text: caption, media: store(stage, file) }, options),
    pushAlbum: (from, to, files, caption = '') => {
      const groupedId = crypto.randomBytes(8).readBigInt64LE();
      return files.map((file, index) => write(from, to, { text: index === 0 ? caption : '', media: store(stage, file), groupedId }));
    },
    pushPlace: (from, to, lat, long) => write(from, to, { media: { kind: 'geo', lat, long } }),
    pushContact: (from, to, phone, firstName) => write(from, to, { media: { kind: 'contact', phone, firstName } }),
    pushTitle: (by, group, title) => {
      world.commit({ kind: 'group', group: { ...group, title } });
      return write(by, group, { service: { kind: 'title', title } });
    },
    createTopic: (by, forum, title) => write(by, forum, { service: { kind: 'topic', title } }),
    pushEdit: (message, text, entities = []) => edit(world, message, text, entities),
    pushDelete: (message) => remove(world, message),
  };
}

function forwardOf(from: PushOptions['forwardedFrom']): Forward | null {
  if (from === undefined) return null;
  return typeof from === 'string' ? { from: null, name: from } : { from: peerOf(from), name: null };
}

/** The answered message may be given as anybody's copy. */
function replyTo(world: World, from: Account, to: Account | Group, { replyTo: answered }: PushOptions): { replyTo?: number } {
  if (answered === undefined) return {};
  const owner = world.ownerOf(from.id, peerOf(to));
  const own = copiesOf(world, answered).find((copy) => copy.owner.kind === owner.kind && copy.owner.id === owner.id);
  if (own === undefined) throw new Error(`message ${answered.id} is not in this chat`);
  return { replyTo: own.message.id };
}

function store({ world, homeDcId }: Stage, settings: FileSettings): Media {
  const kind = settings.kind ?? 'plain';
  const isPhoto = kind === 'photo';
  const file: StoredFile = {
    ...{ id: crypto.randomBytes(8).readBigInt64LE(), accessHash: crypto.randomBytes(8).readBigInt64LE(), bytes: settings.bytes, isPhoto },
    ...{ dcId: settings.dcId ?? homeDcId, mimeType: settings.mimeType ?? (isPhoto ? 'image/jpeg' : 'application/octet-stream') },
    ...{ name: settings.name ?? null, width: settings.width ?? 640, height: settings.height ?? 480, duration: settings.duration ?? 0 },
    ...{ shape: isPhoto ? 'plain' : kind, referenceVersion: 1 },
  };
  world.commit({ kind: 'file', file });
  return { kind: isPhoto ? 'photo' : 'document', fileId: file.id };
}

type Travel = Pick<
  Writing,
  'pushTyping' | 'holdPushes' | 'releasePushes' | 'repeatPushes' | 'pushTooLong' | 'forgetUpdates' | 'expireFileReferences'
>;

function travel({ world, pushes }: Stage): Travel {
  return {
    pushTyping: (from, to) => pushes.typing(to.id, from.id),
    holdPushes: ({ id }) => pushes.hold(id),
    releasePushes: ({ id }, order = 'in-order') => pushes.release(id, order),
    repeatPushes: ({ id }, count = 1) => pushes.repeat(id, count),
    pushTooLong: ({ id }) => pushes.tooLong(id),
    forgetUpdates: (of) => {
      const peer = peerOf(of);
      world.commit({ kind: 'updates-forgotten', owner: { kind: peer.kind === 'channel' ? 'channel' : 'account', id: of.id } });
    },
    expireFileReferences: () => {
      for (const file of [...world.files.values()]) {
        world.commit({ kind: 'file', file: { ...file, referenceVersion: file.referenceVersion + 1 } });
      }
    },
  };
}
