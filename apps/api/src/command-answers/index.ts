export { CommandsController, GetCommandHandler, CommandEnds } from './command-answers.js';
