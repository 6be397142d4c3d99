/** Events of the webhook delivery itself. They have names of endpoints, but no addresses or headers. */
export interface NotificationEvents {
  /** @param change events added to (+) or removed from (-) the queue */
  notificationsPending(endpoint: string, change: number): void;
  notificationQueued(endpoint: string): void;
  /** @param status such as `200 OK` */
  notificationDelivered(endpoint: string, status: string): void;
  notificationRejected(endpoint: string, status: string): void;
  notificationFailed(endpoint: string): void;
  /** The queue was full, so the event of a pull is dropped. */
  notificationDropped(endpoint: string): void;
  /** An event is not retried any more. @param event.isKept it has been stored as a dead letter */
  notificationDeadLettered(event: {
    readonly endpoint: string;
    readonly reason: string;
    readonly isKept: boolean;
  }): void;
  /** An endpoint does not accept events, or accepts them again. @param change.reason absent when it accepts them again */
  notificationsStalled(change: {
    readonly endpoint: string;
    readonly reason: string | undefined;
    readonly pending: number;
  }): void;
  /** A queue is kept in memory because the disk fails, or is on disk again. @param change.reason absent when it is on disk again */
  notificationsNotStored(change: { readonly endpoint: string; readonly reason: string | undefined }): void;
  /** The process ends with events that are only in memory. */
  notificationsLost(event: { readonly endpoint: string; readonly pending: number }): void;
  /** This process sends the events that another one left. */
  notificationsAdopted(event: { readonly endpoint: string; readonly pending: number }): void;
}
