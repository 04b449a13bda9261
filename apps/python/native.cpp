// crosslaw._native: the fitting library for Python, with text in and JSON out, so that a frame
// takes the road of a file and every number is the one that the program prints. The package's
// Python makes frames of it.
#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "apps/charts/documents.h"
#include "fit/allocate/allocation_report.h"
#include "fit/data/data_file.h"
#include "fit/evidence/holdout.h"
#include "fit/evidence/prediction.h"
#include "fit/evidence/profile.h"
#include "fit/solve/fitter.h"
#include "fit/write/allocation_table.h"
#include "fit/write/evidence_table.h"
#include "fit/write/fit_json.h"

namespace nb = nanobind;
using namespace crosslaw;
using Json = nlohmann::ordered_json;

namespace {

// A fit, with its points where it was made here.
struct Fitted {
  fit::DataFile data;
  fit::FitOptions settings;
  fit::FitResult fit;
};

template <typename T>
void take(const Json& from, const char* key, T& into) {
  if (from.contains(key) && !from.at(key).is_null()) from.at(key).get_to(into);
}

fit::DataFileOptions columns_of(const Json& options) {
  fit::DataFileOptions out;
  out.path = "data";
  take(options, "params", out.params);
  take(options, "tokens", out.tokens);
  take(options, "loss", out.loss);
  take(options, "weight", out.weight);
  take(options, "cluster", out.cluster);
  take(options, "stage", out.stage);
  take(options, "unique", out.unique);
  take(options, "compute", out.compute);
  take(options, "ratio", out.ratio);
  take(options, "replay", out.replay);
  take(options, "base_tokens", out.base_tokens);
  take(options, "loss_before", out.loss_before);
  take(options, "where", out.where);
  return out;
}

// The defaults of `crosslaw fit`.
fit::FitOptions settings_of(const Json& options, const fit::DataFileOptions& columns,
                            std::size_t points) {
  fit::FitOptions out;
  out.law = columns.stage.empty() ? "chinchilla" : std::string(fit::kTwoStageLaw);
  out.draws = fit::usual_draws(points);
  take(options, "law", out.law);
  take(options, "bootstrap", out.draws);
  take(options, "huber_delta", out.huber_delta);
  take(options, "starts", out.starts);
  take(options, "seed", out.seed);
  take(options, "threads", out.threads);
  take(options, "over_weight", out.over_weight);
  if (options.contains("resample") && !options.at("resample").is_null())
    out.resampling = fit::find_resampling(options.at("resample").get<std::string>());
  const Json fixed = options.value("fix", Json::object()),
             tied = options.value("tie", Json::object());
  for (const auto& [name, value] : fixed.items())
    out.constraints.push_back({name, value.get<double>(), ""});
  for (const auto& [name, other] : tied.items())
    out.constraints.push_back({name, std::nullopt, other.get<std::string>()});
  return out;
}

Fitted fit_text(const std::string& csv, const std::string& options_json) {
  const Json options = Json::parse(options_json);
  const fit::DataFileOptions columns = columns_of(options);
  Fitted out{fit::parse_data(csv, columns), {}, {}};
  for (const fit::Doubt& doubt : out.data.doubts) {
    if (doubt.grave) throw std::invalid_argument(doubt.sentence);
  }
  const fit::DataFileOptions& used = out.data.used;
  out.settings = settings_of(options, used, out.data.points.size());
  out.fit = fit::fit_law(out.data.points, out.settings);
  out.fit.convention = {"column " + used.params,
                        used.compute.empty() ? "6ND" : "column " + used.compute,
                        "column " + used.loss + ", " + out.data.loss_unit};
  return out;
}

Fitted from_json(const std::string& json, const std::string& name) {
  return {{}, {}, fit::fit_from_json(nlohmann::json::parse(json), name)};
}

std::string predict(const Fitted& self, const std::vector<std::pair<double, double>>& runs) {
  std::vector<fit::NewRun> asked;
  for (const auto& [params, tokens] : runs) asked.push_back({params, tokens});
  return fit::to_json(self.data.points.empty()
                          ? fit::predict(self.fit, asked, self.settings.seed)
                          : fit::predict(self.data.points, self.fit, asked, self.settings.seed))
      .dump();
}

std::string allocate(const Fitted& self, const std::vector<double>& flops,
                     const std::string& options_json) {
  const Json options = Json::parse(options_json);
  fit::AllocationOptions settings;
  settings.flops = flops;
  const auto limit = [&](const char* key, std::optional<double>& into) {
    if (options.contains(key) && !options.at(key).is_null()) into = options.at(key).get<double>();
  };
  limit("max_params", settings.limits.max_params);
  limit("max_tokens", settings.limits.max_tokens);
  limit("unique_tokens", settings.limits.unique_tokens);
  take(options, "inference_tokens", settings.limits.inference_tokens);
  take(options, "accept_unidentified", settings.accept_unidentified);
  return fit::to_json(fit::report_allocation(self.fit, settings)).dump();
}

void require_points(const Fitted& self, const char* what) {
  if (!self.data.points.empty()) return;
  throw std::invalid_argument(std::string(what) +
                              " needs the points; this fit was loaded without them");
}

std::string hold_out(const Fitted& self, const std::string& rule,
                     const std::vector<std::string>& laws) {
  require_points(self, "holdout");
  fit::HoldoutOptions options;
  options.fit = self.settings;
  options.laws = laws;
  const fit::Points& points = self.data.points;
  return fit::to_json(fit::hold_out(points, fit::split_by_rule(points, rule), options), self.data)
      .dump();
}

std::string profiles(const Fitted& self) {
  require_points(self, "profile");
  return fit::to_json(fit::profile_coefficients(self.data.points, self.fit, self.settings.threads))
      .dump();
}

std::string chart(const Fitted& self, const std::string& title, bool html) {
  charts::DataNames names;
  names.source = title;
  const charts::Document document = charts::fit_document(self.fit, self.data.points, {}, names);
  return html ? charts::html_page(document) : charts::svg_page(document);
}

std::vector<std::string> laws() {
  std::vector<std::string> out;
  for (const std::string_view name : fit::law_names()) out.emplace_back(name);
  out.emplace_back(fit::kTwoStageLaw);
  return out;
}

}  // namespace

NB_MODULE(_native, module) {
  // What takes long lets other threads of Python go on.
  using Free = nb::call_guard<nb::gil_scoped_release>;
  nb::class_<Fitted>(module, "Fitted")
      .def("to_json",
           [](const Fitted& self, bool draws) { return fit::to_json(self.fit, draws).dump(); })
      .def("predict", &predict, Free())
      .def("allocate", &allocate, Free())
      .def("hold_out", &hold_out, Free())
      .def("profiles", &profiles, Free())
      .def("chart", &chart, Free());
  module.def("fit_text", &fit_text, Free());
  module.def("from_json", &from_json);
  module.def("laws", &laws);
}
