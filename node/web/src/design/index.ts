// What views are built of.

export { Button, IconButton, Segments } from './Button';
export { Confirm, Dialog } from './Dialog';
export { Area, Check, Field, FileField, Search, Select } from './Field';
export { Icon, type IconName } from './Icon';
export { Badge, Empty, Note, ProblemNote, Skeleton, type Tone } from './Note';
export { Card, Facts, Metrics, Page, Section } from './Page';
export { onPhone } from './phone';
export { Table, type Column } from './Table';
export { Tabs } from './Tabs';
export { Time } from './Time';
export { toast, toastProblem, Toasts } from './Toast';
export { Value } from './Value';
