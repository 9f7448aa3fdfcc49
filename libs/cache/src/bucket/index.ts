export { capacityOf, takeFrom, type Bucket, type Take } from './bucket.js';
