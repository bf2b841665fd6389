//! Scenarios of the strategies. A [`Scene`] shows one actor readings and asks for its wishes; a [`Plant`] is a small site whose
//! machines follow late and whose meters tell late, under the real controller.

mod day_and_price;
mod energy;
mod island;
mod plant;
mod scene;
mod settings;
mod vehicle;

use self::plant::Plant;
use self::scene::Scene;
