export { askOwner, OwnerDidNotAnswer, type Asking } from './asking.js';
export { questionFrom, questionLimitBytes, type Question, type QuestionOf } from './question.js';
export { TenantLine } from './tenant-line.js';
export { TooManyQuestions, Turns, type Slices } from './turns.js';
export { startQuestionServer, NotLedHere, type QuestionServer } from './question-server.js';
