//! The plans of one request: one for each type of resource it may lead to.

use lexicon::{Judge, ResourceType, Time};
use policy::Plan;

/// All that was permitted for one request, made together and ending together.
pub struct Plans {
    first: Plan,
    of: Option<ResourceType>,
    further: Vec<(ResourceType, Plan)>,
}

impl Plans {
    pub(crate) fn new(of: Option<ResourceType>, first: Plan) -> Self {
        Self { first, of, further: Vec::new() }
    }

    pub(crate) fn holds(&self, resource_type: ResourceType) -> bool {
        self.of(resource_type).is_some()
    }

    pub(crate) fn add(&mut self, resource_type: ResourceType, plan: Plan) {
        self.further.push((resource_type, plan));
    }

    pub(crate) fn first(&self) -> &dyn Judge {
        &self.first
    }

    pub(crate) fn of(&self, resource_type: ResourceType) -> Option<&dyn Judge> {
        if self.of == Some(resource_type) {
            return Some(&self.first);
        }
        let mut further = self.further.iter();
        further.find(|(of, _)| *of == resource_type).map(|(_, plan)| plan as &dyn Judge)
    }

    /// The earliest end of any of them.
    pub(crate) fn valid_until(&self) -> Time {
        let further = self.further.iter().map(|(_, plan)| plan.valid_until());
        further.fold(self.first.valid_until(), Time::min)
    }
}
