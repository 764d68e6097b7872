// Where the portal lives on the HTTPS listener.

export const PORTAL = '/portal';
