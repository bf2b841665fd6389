import './design/tokens.css';
import './design/base.css';
import './design/components.css';
import './design/kinds.css';
import './shell/shell.css';

import { render } from 'preact';

import { App } from './shell/App';

const place = document.getElementById('app');
if (place) render(<App />, place);
