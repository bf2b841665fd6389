//! The answers of the API that these views show, by the names that they have here.

import type { Schemas } from '../api/client';

/** A page of a list. */
export interface Page<T> { items: T[]; next?: string | null }

export type Severity = Schemas['Severity'];
export type Health = Schemas['DeviceHealth'];
export type Device = Schemas['Device'];
export type Channel = Schemas['Channel'];
/** What an enrolment shows once. */
export type Enrolled = Schemas['Handed'];
/** How many points a device may send; null for no limit. */
export type Rate = Schemas['DeviceChanges'];

export type Command = Schemas['Command'];
export type CommandState = Schemas['CommandState'];
export type ControlStatus = Schemas['ControlStatus'];
export type AssetStatus = Schemas['AssetStatus'];
export type ProposalOutcome = Schemas['ProposalOutcome'];
export type Target = Schemas['ProposalTarget'];
export type Explanation = Schemas['Explanation'];
export type CurrentPlan = Schemas['CurrentPlan'];
export type PlannedAsset = Schemas['PlannedAsset'];
export type PlanSummary = Schemas['PlanSummary'];
export type Plan = Schemas['Plan'];
export type PlanComparison = Schemas['PlanComparison'];

export type Balance = Schemas['BalanceAnswer'];
export type BalanceRow = Schemas['BalanceRow'];
export type Findings = Schemas['Findings'];
export type Finding = Schemas['FoundFinding'];

export type Alarm = Schemas['Alarm'];
export type Watch = Schemas['WatchSettings'];
export type Quiet = Schemas['QuietSettings'];
export type AlarmRule = Schemas['AlarmRule'];
export type RuleDraft = Schemas['RuleSettings'] & { enabled: boolean; notify: string[] };
export type Notifier = Schemas['Notifier'];

export type Role = Schemas['Role'];
export type Scope = Schemas['Scope'];
export type User = Schemas['User'];
export type Member = Schemas['Member'];
export type Token = Schemas['Token'];
export type SessionEntry = Schemas['ListedSession'];
export type AuditEntry = Schemas['AuditLine'];

/** What an import tells of a file, as `memcore import --json` does: the description of the API leaves it open. */
export interface ImportReport {
  rows: number;
  points: number;
  repeated?: number;
  replaced?: number;
  gaps?: number;
  invalid?: number;
  out_of_range?: number;
  first_us?: number | null;
  last_us?: number | null;
  series?: { series: string; unit: string; new: boolean; points: number }[];
  refused?: { count: number; whole?: number; cells?: number; first?: { row: number; line?: number | null; reason: string; text: string }[] };
  understood?: {
    format?: string;
    notes?: string[];
    time?: { columns?: string[]; form?: string; zone?: string | null } | null;
    columns?: { column: string; series?: string | null; unit?: string | null; quantity?: string | null; skipped?: string | null }[];
  };
}

export type Import = Omit<Schemas['Import'], 'report'> & { report: ImportReport | null };
