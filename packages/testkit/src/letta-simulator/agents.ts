/** Agents and their message lists. */
import type { JsonObject } from './json.ts';
import { answer, type Reply, refuse } from './reply.ts';
import { type Ask, agentOf, cutPage, isReply, pageOf, type Route } from './route.ts';
import { wireDate } from './wire.ts';
import type { Agent, World } from './world.ts';

export const SERVER_VERSION = '0.16.7';

export const agentRoutes: readonly Route[] = [
  { name: 'agents.list', method: 'GET', path: '/v1/agents/', handle: listAgents },
  { name: 'agents.retrieve', method: 'GET', path: '/v1/agents/:agent_id', handle: retrieveAgent },
  { name: 'agents.messages.list', method: 'GET', path: '/v1/agents/:agent_id/messages', handle: listAgentMessages },
  { name: 'conversations.messages.list', method: 'GET', path: '/v1/conversations/:conversation_id/messages', handle: listConversation },
];

export function wireAgent(world: World, agent: Agent): JsonObject {
  const blocks = agent.blockIds.flatMap((id) => world.blocks.get(id)?.block ?? []);
  return {
    created_by_id: 'user-00000000-0000-4000-8000-000000000000',
    last_updated_by_id: 'user-00000000-0000-4000-8000-000000000000',
    created_at: wireDate(agent.createdAt),
    updated_at: wireDate(agent.createdAt),
    id: agent.id,
    name: agent.name,
    tool_rules: [],
    message_ids: agent.rows.map(({ id }) => id),
    system: `You are ${agent.name}.`,
    agent_type: 'letta_v1_agent',
    llm_config: { model: 'simulated', model_endpoint_type: 'openai', context_window: 32_000 },
    model: 'simulated/echo',
    embedding_config: null,
    description: agent.description,
    metadata: null,
    memory: { agent_type: 'letta_v1_agent', blocks, file_blocks: [], prompt_template: '' },
    blocks,
    tools: [],
    sources: [],
    tags: [],
    identity_ids: agent.identityIds,
    identities: [],
    message_buffer_autoclear: false,
    enable_sleeptime: false,
    hidden: null,
  };
}

function listAgents(ask: Ask): Reply {
  const page = pageOf(ask.query, { order: 'desc', limit: 50 });
  if (isReply(page)) {
    return page;
  }
  const seen = [...ask.world.agents.values()].filter((agent) => agent.apiKey === ask.apiKey);
  const cut = cutPage(seen, page, 'by-order');
  return isReply(cut) ? cut : answer(cut.map((agent) => wireAgent(ask.world, agent)));
}

function retrieveAgent(ask: Ask): Reply {
  const found = agentOf(ask, ask.params.agent_id ?? '');
  return found.agent === null ? found.refusal : answer(wireAgent(ask.world, found.agent));
}

function listAgentMessages(ask: Ask): Reply {
  const found = agentOf(ask, ask.params.agent_id ?? '');
  return found.agent === null ? found.refusal : listRows(ask, found.agent);
}

function listConversation(ask: Ask): Reply {
  const conversation = ask.params.conversation_id ?? '';
  const agentId = conversation === 'default' ? ask.query.get('agent_id') : conversation;
  if (agentId === null || !agentId.startsWith('agent-')) {
    return refuse(404, `Conversation ${conversation} not found`);
  }
  const found = agentOf(ask, agentId);
  return found.agent === null ? found.refusal : listRows(ask, found.agent);
}

/** The cursor and the limit count stored messages; one of them may read as several wire messages. Newest first by default. */
function listRows(ask: Ask, agent: Agent): Reply {
  const page = pageOf(ask.query, { order: 'desc', limit: 100 });
  if (isReply(page)) {
    return page;
  }
  const cut = cutPage(agent.rows, page, 'by-age');
  if (isReply(cut)) {
    return cut;
  }
  return answer(cut.flatMap(({ wire }) => (page.order === 'asc' ? wire : [...wire].reverse())));
}
