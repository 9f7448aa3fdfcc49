// Inside the image: the agent, with the join token of a file. An agent that has joined no longer needs it.
import fs from 'node:fs';

const file = process.argv[2];
if (fs.existsSync(file)) process.env.FLUXFORGE_AGENT_JOIN_TOKEN = fs.readFileSync(file, 'utf8').trim();
await import('../../dist/apps/agent/src/main.js');
