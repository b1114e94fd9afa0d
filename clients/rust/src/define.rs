//! Metrics with names and labels that the compiler checks.

/// Defines metrics whose names and labels the compiler checks.
///
/// Each metric becomes a struct with one public field per label. A field accepts any type with
/// [`Display`](std::fmt::Display). Write a label that is a keyword as `r#type`. The doc comment is
/// the help, and the client sends it with the samples.
///
/// - A counter has `incr(&metrics)` and `incr_by(&metrics, value)`.
/// - A histogram has `observe(&metrics, value)` and `timer(&metrics)`.
///
/// ```
/// use metrics_reporter_client::{define_metrics, testing::TestReporter};
///
/// define_metrics! {
///     /// Orders placed.
///     pub counter orders_total { country }
///     /// How long upstreams take to answer, in milliseconds.
///     pub histogram upstream_duration_ms { upstream, status }
///     /// Starts of the Worker.
///     counter starts_total {}
/// }
///
/// let test = TestReporter::new();
/// let metrics = test.reporter();
/// orders_total { country: "PT" }.incr(&metrics);
/// upstream_duration_ms { upstream: "db", status: 200 }.observe(&metrics, 12.5);
/// starts_total {}.incr(&metrics);
/// assert_eq!(test.counter("orders_total", [("country", "PT")]), 1.0);
/// assert_eq!(test.samples()[0].help.as_deref(), Some("Orders placed."));
/// ```
///
/// An unknown name, label or method does not compile:
///
/// ```compile_fail,E0422
/// # use metrics_reporter_client::{define_metrics, Reporter};
/// # define_metrics! { counter orders_total { country } }
/// order_total { country: "PT" }.incr(&Reporter::disabled());
/// ```
/// ```compile_fail,E0560
/// # use metrics_reporter_client::{define_metrics, Reporter};
/// # define_metrics! { counter orders_total { country } }
/// orders_total { county: "PT" }.incr(&Reporter::disabled());
/// ```
/// ```compile_fail,E0063
/// # use metrics_reporter_client::{define_metrics, Reporter};
/// # define_metrics! { counter orders_total { country } }
/// orders_total {}.incr(&Reporter::disabled());
/// ```
/// ```compile_fail,E0599
/// # use metrics_reporter_client::{define_metrics, Reporter};
/// # define_metrics! { counter orders_total { country } }
/// orders_total { country: "PT" }.observe(&Reporter::disabled(), 1);
/// ```
#[macro_export]
macro_rules! define_metrics {
    () => {};
    ($(#[doc = $help:literal])* $visibility:vis counter $name:ident { $($label:ident),* $(,)? } $($rest:tt)*) => {
        $crate::__define_metric!([$($help)*] [$visibility] $name [$($label)*]);

        #[allow(non_camel_case_types, reason = "it reads like the metric, and so do its labels")]
        impl<$($label: ::std::fmt::Display),*> $name<$($label),*> {
            /// Adds 1.
            #[allow(dead_code, reason = "not every metric is used in every way")]
            $visibility fn incr(self, metrics: &$crate::Reporter) {
                self.incr_by(metrics, 1);
            }

            /// Adds `value`, which must be finite and not negative. 0 creates the series.
            #[allow(dead_code, reason = "not every metric is used in every way")]
            $visibility fn incr_by(self, metrics: &$crate::Reporter, value: impl $crate::Value) {
                metrics.__incr(stringify!($name), value, &self, Self::HELP);
            }
        }

        $crate::define_metrics! { $($rest)* }
    };
    ($(#[doc = $help:literal])* $visibility:vis histogram $name:ident { $($label:ident),* $(,)? } $($rest:tt)*) => {
        $crate::__define_metric!([$($help)*] [$visibility] $name [$($label)*]);

        #[allow(non_camel_case_types, reason = "it reads like the metric, and so do its labels")]
        impl<$($label: ::std::fmt::Display),*> $name<$($label),*> {
            /// Records an observation. It must be finite and in the unit of the metric's name.
            #[allow(dead_code, reason = "not every metric is used in every way")]
            $visibility fn observe(self, metrics: &$crate::Reporter, value: impl $crate::Value) {
                metrics.__observe(stringify!($name), value, &self, Self::HELP);
            }

            /// Starts a timer. It records the time until it is dropped, in the unit of the metric's
            /// name.
            #[allow(dead_code, reason = "not every metric is used in every way")]
            $visibility fn timer(self, metrics: &$crate::Reporter) -> $crate::Timer {
                metrics.__timer(stringify!($name), &self, Self::HELP)
            }
        }

        $crate::define_metrics! { $($rest)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __define_metric {
    ([$($help:literal)*] [$visibility:vis] $name:ident [$($label:ident)*]) => {
        $(#[doc = $help])*
        #[allow(non_camel_case_types, reason = "it reads like the metric, and so do its labels")]
        $visibility struct $name<$($label),*> {
            $(
                #[doc = concat!("Value of the label `", stringify!($label), "`.")]
                pub $label: $label,
            )*
        }

        #[allow(non_camel_case_types, reason = "it reads like the metric, and so do its labels")]
        impl<$($label),*> $name<$($label),*> {
            const HELP: &'static str = concat!($($help),*);
        }

        #[allow(non_camel_case_types, reason = "it reads like the metric, and so do its labels")]
        impl<$($label: ::std::fmt::Display),*> $crate::Labels for $name<$($label),*> {
            fn each(&self, _each: &mut dyn FnMut(&str, &dyn ::std::fmt::Display)) {
                // A label that is a keyword is written as `r#type`.
                $(_each(stringify!($label).trim_start_matches("r#"), &self.$label);)*
            }
        }
    };
}
