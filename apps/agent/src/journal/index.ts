export { Journal, type JournalSettings, type Recovered, inspectJournal } from './journal.js';
export { type HeldEntry, type JournalEntry, type JournalState, isOlder } from './entries.js';
export { DirectoryInUse, lockDirectory } from './directory-lock.js';
