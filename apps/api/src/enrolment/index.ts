export { Answers } from './answers.js';
export { Enrolment, type EnrolmentOptions, type Enrolled } from './enrolment.js';
export { EnrolmentController } from './enrolment-controller.js';
export { OutputAddress } from './output-address.js';
