//! What the router has learned, as one run leaves it to the next: lists of models and refused parameters.

use std::time::{Duration, SystemTime};

use crate::profile::ProfileName;
use crate::router::{KnownOffers, RefusedParameter};
use crate::store::home::Home;
use crate::store::models_cache::{self, KeptModel};
use crate::store::refused_cache::{self, KeptRefusal};
use crate::translate::models::Model;
use crate::translate::{Parameter, UpstreamKind};

/// The lists of models that the last run kept.
pub fn read_offers(home: &Home) -> KnownOffers {
    let model = |kept: KeptModel| Model {
        slug: kept.id,
        is_listable: kept.is_listed,
        is_supported_in_api: true,
        efforts: kept.efforts,
    };
    models_cache::read(home)
        .into_iter()
        .map(|(name, models)| (name, models.into_iter().map(model).collect()))
        .collect()
}

pub fn kept_offers(offers: KnownOffers) -> Vec<(ProfileName, Vec<KeptModel>)> {
    let kept = |model: &Model| KeptModel {
        id: model.slug.clone(),
        is_listed: model.is_listable,
        efforts: model.efforts.clone(),
    };
    offers
        .into_iter()
        .map(|(name, models)| (name, models.iter().map(kept).collect()))
        .collect()
}

/// The parameters that were refused in the last run.
pub fn read_refused(home: &Home) -> Vec<RefusedParameter> {
    let refused = |kept: KeptRefusal| {
        let refused_at = Duration::from_secs(kept.refused_at);
        Some(RefusedParameter {
            upstream: UpstreamKind::parse(&kept.upstream)?,
            model: kept.model,
            parameter: Parameter::dispensable(&kept.parameter)?,
            refused_at: SystemTime::UNIX_EPOCH.checked_add(refused_at)?,
        })
    };
    let all = refused_cache::read(home);
    all.into_iter().filter_map(refused).collect()
}

pub fn kept_refusals(refused: &[RefusedParameter]) -> Vec<KeptRefusal> {
    let kept = |refused: &RefusedParameter| {
        let since = refused.refused_at.duration_since(SystemTime::UNIX_EPOCH);
        KeptRefusal {
            upstream: refused.upstream.as_str().to_owned(),
            model: refused.model.clone(),
            parameter: refused.parameter.to_string(),
            // Before 1970 the clock is wrong, and the refusal is history.
            refused_at: since.map_or(0, |since| since.as_secs()),
        }
    };
    refused.iter().map(kept).collect()
}
