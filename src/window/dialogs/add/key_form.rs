//! What was typed to add a key, and the login that it makes.

use zeroize::Zeroizing;

use crate::desk::{LoginCheck, NewLogin, Outcome, Snapshot};
use crate::profile::endpoint::{checked_key, checked_name};
use crate::profile::{Endpoint, EndpointError, EndpointKind, ProfileName, Secret};
use crate::window::ask::Ask;
use crate::window::rows::sentence;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    #[default]
    OpenAi,
    Azure,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Name,
    Address,
    Deployment,
    Key,
}

#[derive(Default)]
pub struct KeyTab {
    pub service: Service,
    /// Nothing: the proposed one.
    pub name: Option<String>,
    pub address: String,
    pub deployment: String,
    pub key: Zeroizing<String>,
    /// What will not do, once it was tried.
    pub refusal: Option<(Field, String)>,
    /// What is being checked, or was: ours are the checks after this number.
    pub checked: Option<(u64, NewLogin)>,
    /// It was asked for after this happening, under this name.
    pub adding: Option<(u64, ProfileName)>,
    pub failure: Option<String>,
}

impl Service {
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::Azure, Self::Other];

    pub fn label(self) -> &'static str {
        match self {
            Self::OpenAi => "OpenAI",
            Self::Azure => "Azure",
            Self::Other => "Other",
        }
    }

    /// What an account of it is called unless the user says otherwise.
    pub fn stem(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Azure => "azure",
            Self::Other => "server",
        }
    }
}

impl KeyTab {
    pub fn is_adding(&self) -> bool {
        self.adding.is_some()
    }

    pub fn name(&self, snapshot: &Snapshot) -> String {
        self.name
            .clone()
            .unwrap_or_else(|| snapshot.free_name(self.service.stem()).to_string())
    }

    /// What was typed, if it can be a login.
    pub fn login(&self) -> Result<NewLogin, (Field, String)> {
        let key = self.key.trim();
        let missing = || (Field::Key, "Paste the key.".to_owned());
        let kind = match self.service {
            Service::OpenAi if key.is_empty() => return Err(missing()),
            Service::OpenAi => return Ok(NewLogin::ApiKey(secret(key)?)),
            Service::Azure => EndpointKind::Azure,
            Service::Other => EndpointKind::Compatible,
        };
        let address = self.address.trim();
        if address.is_empty() {
            return Err((Field::Address, "Where is it? Paste its address.".to_owned()));
        }
        let mut endpoint = Endpoint::new(kind, address, None).map_err(|err| {
            let why = match err {
                EndpointError::Wrong { problem, .. } => format!("This address {problem}."),
                EndpointError::Missing(what) => format!("{what} is missing."),
            };
            (Field::Address, why)
        })?;
        for name in self
            .deployment
            .split([',', ' '])
            .filter(|name| !name.is_empty())
        {
            let refused = |_err| {
                (
                    Field::Deployment,
                    format!("{name:?} is no name of a model."),
                )
            };
            match name.split_once('=') {
                Some((model, deployment)) => {
                    let model = checked_name("model", model).map_err(refused)?;
                    let deployment = checked_name("deployment", deployment).map_err(refused)?;
                    endpoint.deployments.insert(model, deployment);
                }
                None => endpoint
                    .models
                    .push(checked_name("model", name).map_err(refused)?),
            }
        }
        endpoint.key = match key {
            "" if kind == EndpointKind::Azure => return Err(missing()),
            "" => None,
            key => Some(secret(key)?),
        };
        Ok(NewLogin::Endpoint(Box::new(endpoint)))
    }

    /// The check of exactly what stands in the fields now.
    pub fn check<'a>(&self, login: &NewLogin, snapshot: &'a Snapshot) -> Option<&'a LoginCheck> {
        let (after, checked) = self.checked.as_ref()?;
        let check = snapshot.login_check.as_ref()?;
        (check.number > *after && checked == login).then_some(check)
    }

    /// Ends with the account, or says why there is none.
    pub fn catch_up(&mut self, snapshot: &Snapshot, asks: &mut Vec<Ask>) -> bool {
        let Some((after, name)) = &self.adding else {
            return false;
        };
        let news = snapshot.happenings.iter().rev();
        for happening in news.take_while(|happening| happening.seq > *after) {
            match &happening.outcome {
                Outcome::Added { name: added } if added == name => {
                    asks.push(Ask::Select(name.clone()));
                    self.adding = None;
                    return true;
                }
                Outcome::AddFailed {
                    name: failed,
                    reason,
                } if failed == name => {
                    self.failure = Some(sentence(reason));
                    self.adding = None;
                    // Said here; a banner would say it again.
                    asks.push(Ask::Dismiss(happening.seq));
                    return false;
                }
                _other => {}
            }
        }
        false
    }
}

fn secret(key: &str) -> Result<Secret, (Field, String)> {
    checked_key(key).map_err(|_what| {
        let why = "A key has letters, digits and signs, and no spaces.";
        (Field::Key, why.to_owned())
    })
}
