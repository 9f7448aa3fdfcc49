export { askOwner, OwnerDidNotAnswer, type Asking } from './asking.js';
export { questionFrom, questionLimitBytes, type Question, type QuestionOf } from './question.js';
export { Turns, type Slices } from './turns.js';
export { startQuestionServer, NotLedHere, type QuestionServer } from './question-server.js';
