export { EventsQuery, GetEvents, GetEventsHandler } from './events.js';
