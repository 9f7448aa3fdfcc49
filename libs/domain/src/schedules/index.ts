export { decideSchedule, type ScheduleCommand } from './decide-schedule.js';
export { scheduleFlaw } from './due.js';
export { addLive, addSchedule, evolveSchedule, removeLive, type ScheduleFact } from './evolve-schedule.js';
export { fireSchedule, type Firing } from './fire.js';
export { firedTaskId, newScheduleBook, type Schedule, type ScheduleBook } from './schedule.js';
