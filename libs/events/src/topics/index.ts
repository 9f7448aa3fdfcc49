export { topicsOf, topicSpecs, type Topics, type Durability } from './topics.js';
