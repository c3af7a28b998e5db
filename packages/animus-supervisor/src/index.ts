export { checkHomeOwner, FILE_MODE, FOLDER_MODE, makePrivateFolder } from './home/modes.ts';
export { type AgentPaths, agentPaths, type HomePaths, homeFolder, homePaths } from './home/paths.ts';
export { scanAgents } from './home/scan.ts';
