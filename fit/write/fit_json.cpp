#include "fit/write/fit_json.h"

#include <cmath>

#include "fit/allocate/known_answers.h"
#include "fit/laws/law_parts.h"
#include "fit/solve/fitter.h"

namespace crosslaw::fit {
namespace {

using Json = nlohmann::ordered_json;

Json numbers(const std::vector<double>& values) {
  Json out = Json::array();
  for (const double value : values) out.push_back(number_or_null(value));
  return out;
}

Json coefficients_json(const FitResult& fit) {
  Json out = Json::object();
  for (int i = 0; i < fit.law->size(); ++i) {
    const Coefficient& each = fit.coefficients[static_cast<std::size_t>(i)];
    Json one = {{"value", number_or_null(each.value)},
                {"se", number_or_null(each.se)},
                {"ci95", range_or_null(each.ci95)}};
    // A level may overflow a double: its value is null then, and the log alone tells it.
    if (fit.law->coefficients[static_cast<std::size_t>(i)].kind != Kind::kExponent) {
      one["log"] = number_or_null(fit.theta[i]);
      one["log_se"] = number_or_null(each.log_se);
    }
    one["identifiable"] = each.identifiable;
    one["known"] = name_of(each.verdict.degree);
    if (!each.verdict.reason.empty()) one["reason"] = each.verdict.reason;
    if (each.frozen) one["frozen"] = true;
    if (!each.held.empty()) one["held"] = each.held;
    out[each.name] = std::move(one);
  }
  return out;
}

Json answers_json(const FitResult& fit) {
  Json out = Json::array();
  for (const KnownAnswer& each : known_answers(fit)) {
    Json one = {{"name", each.name}, {"flops", each.flops}};
    one.update(estimate_json(each.spread));
    one["known"] = name_of(each.verdict.degree);
    if (!each.verdict.reason.empty()) one["reason"] = each.verdict.reason;
    out.push_back(std::move(one));
  }
  return out;
}

Json derived_json(const FitResult& fit) {
  Json out = Json::object();
  for (const Derived& each : fit.derived()) {
    out[each.name] = {{"value", number_or_null(each.value)},
                      {"se", number_or_null(each.se)},
                      {"ci95", range_or_null(each.ci95)}};
  }
  return out;
}

Json certificate_json(const Certificate& c) {
  Json others = Json::array();
  for (const OtherOptimum& each : c.other_optima) {
    others.push_back({{"objective", each.objective},
                      {"starts", each.starts},
                      {"coefficients", numbers(each.coefficients)}});
  }
  return {{"gradient_norm", c.gradient_norm},
          {"gradient_scale", c.gradient_scale},
          {"starts_unfinished", c.starts_unfinished},
          {"points_searched", c.points_searched},
          {"quadratic_share", c.quadratic_share},
          {"rms_log_residual", c.rms_log_residual},
          {"at_bound", c.at_bound},
          {"other_optima", std::move(others)}};
}

// The key "coverage" of schema 1: the range of what was measured.
Json coverage_json(const DataRange& c) {
  return {{"params", range_or_null(c.params)},
          {"tokens", range_or_null(c.tokens)},
          {"tokens_per_param", range_or_null(c.tokens_per_param)},
          {"flops", range_or_null(c.flops)},
          {"loss", range_or_null(c.loss)}};
}

// In the coordinates of the fit, where no level overflows: what every answer is computed from.
Json draws_json(const FitResult& fit) {
  Json columns = Json::array();
  for (const CoefficientInfo& info : fit.law->coefficients) {
    const std::string name(info.name);
    columns.push_back(info.kind == Kind::kExponent ? name : "log " + name);
  }
  Json rows = Json::array();
  for (Eigen::Index r = 0; r < fit.draws.rows(); ++r) {
    const Eigen::VectorXd row = fit.draws.row(r);
    rows.push_back(numbers({row.begin(), row.end()}));
  }
  return {{"columns", std::move(columns)}, {"rows", std::move(rows)}};
}

}  // namespace

Json to_json(const FitResult& fit, bool draws) {
  const bool two_stage = fit.method == kTwoStageLaw;
  Json out = {{"schema", 1},
              {"law", two_stage ? kTwoStageLaw : fit.law->name},
              {"formula", fit.law->formula},
              {"points", fit.points},
              {"huber_delta", number_or_null(fit.huber_delta)},
              {"auto_delta", fit.auto_delta},
              {"objective", fit.objective},
              {"converged", fit.converged},
              {"identifiable", fit.identifiable},
              {"starts", fit.certificate.starts},
              {"starts_at_best", fit.certificate.starts_at_best},
              {"condition", number_or_null(fit.certificate.condition)},
              {"coefficients", coefficients_json(fit)},
              {"answers", answers_json(fit)},
              {"derived", derived_json(fit)},
              {"problems", fit.problems},
              {"certificate", certificate_json(fit.certificate)}};
  if (fit.over_weight != 1) out["over_weight"] = fit.over_weight;
  if (!fit.convention.params.empty() || !fit.convention.compute.empty()) {
    out["convention"] = {{"params", fit.convention.params}, {"compute", fit.convention.compute}};
    if (!fit.convention.loss.empty()) out["convention"]["loss"] = fit.convention.loss;
  }
  if (fit.compute) {
    out["compute"] = {{"constant", fit.compute->constant},
                      {"exponent", fit.compute->exponent},
                      {"rms", fit.compute->rms}};
  }
  out["confounded"] = fit.confounded.empty() ? Json(nullptr) : Json(fit.confounded);
  if (fit.measured_range) out["coverage"] = coverage_json(*fit.measured_range);
  if (fit.bootstrap.draws + fit.bootstrap.failed > 0) {
    out["bootstrap"] = {
        {"kind", name_of(fit.bootstrap.kind)}, {"reason", fit.bootstrap.reason},
        {"seed", fit.bootstrap.seed},          {"draws", fit.bootstrap.draws},
        {"failed", fit.bootstrap.failed},      {"at_bound", fit.bootstrap.at_bound}};
  }
  const std::vector<LawPart> parts = parts_of(*fit.law);
  for (std::size_t s = 0; s < fit.stages.size(); ++s) {
    // Columns of the whole law's draws, where it has any.
    out["stages"][std::string(parts[s].strategy)] =
        to_json(fit.stages[s], draws && fit.draws.rows() == 0);
  }
  if (draws && fit.draws.rows() > 0) out["draws"] = draws_json(fit);
  return out;
}

std::string pretty(const Json& json) {
  const std::string wide = json.dump(1);
  std::string out;
  for (std::size_t i = 0; i < wide.size(); ++i) {
    out += wide[i];
    if (wide[i] == '"') {  // copy a string whole
      for (++i; wide[i] != '"'; ++i) {
        out += wide[i];
        if (wide[i] == '\\') out += wide[++i];
      }
      out += '"';
      continue;
    }
    if (wide[i] != '[') continue;
    const std::size_t end = wide.find_first_of("[]{}\"", i + 1);
    if (end == std::string::npos || wide[end] != ']') continue;
    for (++i; i < end; ++i) {
      if (wide[i] == '\n') continue;
      if (wide[i] != ' ') out += wide[i];
      if (wide[i] == ',') out += ' ';
    }
    out += ']';
  }
  return out + "\n";
}

// JSON has neither NaN nor infinity.
Json number_or_null(std::optional<double> value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

Json range_or_null(const std::optional<Range>& range) {
  if (!range) return nullptr;
  return Json::array({number_or_null(range->low), number_or_null(range->high)});
}

Json estimate_json(const Estimate& estimate) {
  return {{"value", number_or_null(estimate.value)},
          {"se", number_or_null(estimate.se)},
          {"ci95", range_or_null(estimate.ci95)}};
}

}  // namespace crosslaw::fit
