// What every view of a site is given.

export interface SiteViewProps {
  operator: string;
  site: string;
  /** What follows `?` in the address. */
  query: URLSearchParams;
}
