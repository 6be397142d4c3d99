/** What there is to tell of notifications themselves. Names of endpoints, and no addresses or headers of theirs. */
export interface NotificationEvents {
  /** @param change events that began (+) or ceased (-) to wait */
  notificationsPending(endpoint: string, change: number): void;
  notificationQueued(endpoint: string): void;
  /** @param status such as `200 OK` */
  notificationDelivered(endpoint: string, status: string): void;
  notificationRejected(endpoint: string, status: string): void;
  notificationFailed(endpoint: string): void;
  /** The queue was full: an event of a pull is told to nobody. */
  notificationDropped(endpoint: string): void;
  /** An event is no longer tried. @param event.isKept it lies with the dead letters */
  notificationDeadLettered(event: {
    readonly endpoint: string;
    readonly reason: string;
    readonly isKept: boolean;
  }): void;
  /** An endpoint does not take events, or does again. @param change.reason undefined: it does again */
  notificationsStalled(change: {
    readonly endpoint: string;
    readonly reason: string | undefined;
    readonly pending: number;
  }): void;
  /** A queue is kept in memory, as the disk fails; or no longer. @param change.reason undefined: no longer */
  notificationsNotStored(change: { readonly endpoint: string; readonly reason: string | undefined }): void;
  /** The process ends with events that are nowhere but in memory. */
  notificationsLost(event: { readonly endpoint: string; readonly pending: number }): void;
  /** Events that another process left are sent by this one. */
  notificationsAdopted(event: { readonly endpoint: string; readonly pending: number }): void;
}
