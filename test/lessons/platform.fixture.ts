/** A channel plugin whose platform is the test (platform.ts): it fetches its messages once, at the start, and posts each part. */
import type { Attachment, ChannelContext, ChannelPlugin } from 'broca-core';

type Given = { id: string; text: string; image?: string };

const platform: ChannelPlugin = {
  name: 'platform',
  title: 'Platform',
  capabilities: { idempotent: true, longestPart: null, markup: 'plain' },
  enabledByDefault: false,
  environment: ['PLATFORM_BOT_TOKEN', 'OTHER_API_KEY'],
  settings: { '~standard': { version: 1, vendor: 'platform', validate: (value) => ({ value }) } },
  create: (context) => {
    const { url } = context.settings as { url: string };
    return {
      async start() {
        const answer = await fetch(`${url}/messages`);
        for (const given of (await answer.json()) as Given[]) await take(given, context);
        tellSecrets(context);
      },
      async stop() {},
      async deliver({ key, text }, signal) {
        // A connection that breaks throws: Broca takes that for "nobody knows".
        const { ok, status } = await fetch(`${url}/parts`, { method: 'POST', body: JSON.stringify({ key, text }), signal });
        return ok ? { kind: 'delivered' } : { kind: 'retry', afterMs: 0, reason: `the platform said ${status}` };
      },
    };
  },
};

// biome-ignore lint/style/noDefaultExport: this is how Broca finds a plugin in a module.
export default platform;

async function take({ id, text, image }: Given, context: ChannelContext): Promise<void> {
  const attachments: Attachment[] = [];
  if (image !== undefined) {
    const kept = await context.storeAttachment(Buffer.from(image, 'base64'), { name: 'picture.png' });
    if (kept.kind === 'stored') attachments.push(kept.attachment);
  }
  const sender = { id: 'pat', username: 'pat' };
  context.receive({ channel: 'platform', account: '', chat: 'pat', externalId: id, sender, text, attachments, at: Date.now() });
}

/** As careless as a plugin can be. */
function tellSecrets(context: ChannelContext): void {
  const token = context.environment('PLATFORM_BOT_TOKEN');
  if (token === undefined) return;
  const key = context.environment('OTHER_API_KEY');
  context.log.info(`connected with ${token}`, {
    url: `https://api.example/bot${token}/getMe`,
    headers: { authorization: `Bearer ${key}` },
  });
  context.log.error('refused', { error: new Error(`Bearer ${key} is wrong`), chatNumber: 123_456_789, retryAfter: '4711' });
}
