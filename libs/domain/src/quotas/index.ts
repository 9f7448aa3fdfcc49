export {
  hasOutputRoom,
  hourOf,
  largestOutputLimit,
  neverFits,
  nextHourMs,
  noOutput,
  reserve,
  reservedBytes,
  settle,
  usedBytes,
  type EndOfRun,
  type OutputHour,
} from './output-hour.js';
export {
  admitsSubmission,
  newBucket,
  relimit,
  spend,
  submissionRateText,
  type SubmissionBucket,
} from './submission-rate.js';
