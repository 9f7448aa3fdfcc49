export { verifyJournal, type JournalReport, type SkipReason } from './verify.js';
export { repairJournal, RepairFailed, type RepairOptions } from './repair.js';
