#include "fit/laws/power_form.h"

#include <fmt/format.h>

#include <cmath>

#include "fit/laws/laws.h"

namespace crosslaw::fit {
namespace {

// log N* = intercept + slope * log C.
struct LogLine {
  double intercept;
  double slope;
};

// The exponent of N in the data term along a budget: positive where it grows.
double data_slope(const PowerForm& f, const ComputeModel& c) {
  return c.exponent * f.beta - f.gamma;
}

bool has_optimum(const PowerForm& f, const ComputeModel& c) {
  return f.alpha > 0 && data_slope(f, c) > 0;
}

LogLine log_params(const PowerForm& f, const ComputeModel& c) {
  // From d/dlogN = 0 along the budget: alpha A N^-alpha = (phi beta - gamma) B D^-beta N^-gamma.
  const double sum = f.alpha + data_slope(f, c);
  const double ratio = std::log(f.alpha) + f.log_a - std::log(data_slope(f, c)) - f.log_b;
  return {(ratio - f.beta * std::log(c.constant)) / sum, f.beta / sum};
}

// log of the reducible loss on the frontier: A N*^-alpha (1 + alpha/(phi beta - gamma)).
LogLine log_reducible(const PowerForm& f, const ComputeModel& c) {
  const LogLine params = log_params(f, c);
  return {f.log_a + std::log1p(f.alpha / data_slope(f, c)) - f.alpha * params.intercept,
          -f.alpha * params.slope};
}

}  // namespace

double PowerForm::loss(double params, double tokens) const {
  return std::exp(log_e) + std::exp(log_a - alpha * std::log(params)) + data_term(params, tokens);
}

double PowerForm::data_term(double params, double tokens) const {
  return std::exp(log_b - beta * std::log(tokens) - gamma * std::log(params));
}

std::optional<PowerForm> power_form(const Law& law, const Theta& theta) {
  if (&law == &chinchilla_law()) {
    return PowerForm{theta[0], theta[1], theta[2], theta[3], theta[4], 0};
  }
  if (&law == &extended_law()) {
    return PowerForm{theta[0], theta[1], theta[2], theta[3], theta[4], theta[5]};
  }
  return std::nullopt;
}

std::string why_no_optimum(const PowerForm& form, const ComputeModel& compute) {
  if (!(form.alpha > 0)) {
    return fmt::format("alpha = {:.4g} is not above 0: smaller models are never worse", form.alpha);
  }
  if (has_optimum(form, compute)) return "";
  const bool plain = compute.exponent == 1;
  return fmt::format("{}beta = {:.4g} is not above gamma = {:.4g}: larger models are always better",
                     plain ? "" : fmt::format("{:.4g} ", compute.exponent), form.beta, form.gamma);
}

std::optional<Optimum> optimum(const PowerForm& form, double flops, const ComputeModel& compute) {
  if (!has_optimum(form, compute) || !(flops > 0)) return std::nullopt;
  const LogLine line = log_params(form, compute);
  const double log_n = line.intercept + line.slope * std::log(flops);
  Optimum out;
  out.flops = flops;
  out.params = std::exp(log_n);
  out.tokens = std::exp(std::log(flops) - compute.log_flops_per_token(log_n));
  out.loss = form.loss(out.params, out.tokens);
  return out;
}

std::optional<OptimumGrowth> optimum_growth(const PowerForm& form, const ComputeModel& compute) {
  if (!has_optimum(form, compute)) return std::nullopt;
  const LogLine params = log_params(form, compute);
  const LogLine reducible = log_reducible(form, compute);
  OptimumGrowth out;
  out.params_constant = std::exp(params.intercept);
  out.params_exponent = params.slope;
  out.tokens_constant = std::exp(-compute.log_flops_per_token(params.intercept));
  out.tokens_exponent = 1 - compute.exponent * params.slope;
  out.reducible_constant = std::exp(reducible.intercept);
  out.reducible_exponent = -reducible.slope;
  return out;
}

std::optional<double> flops_for_loss(const PowerForm& form, double loss,
                                     const ComputeModel& compute) {
  // No compute goes below E.
  const double reducible = loss - std::exp(form.log_e);
  if (!has_optimum(form, compute) || !(reducible > 0)) return std::nullopt;
  const LogLine line = log_reducible(form, compute);
  return std::exp((std::log(reducible) - line.intercept) / line.slope);
}

std::optional<double> equal_loss_tokens(const PowerForm& scratch, const PowerForm& continued,
                                        double params, double tokens) {
  const double log_n = std::log(params);
  const auto rest = [&](const PowerForm& f) {
    return std::exp(f.log_e) + std::exp(f.log_a - f.alpha * log_n);
  };
  // With shared E, A and alpha the rests cancel exactly.
  const double needed = continued.data_term(params, tokens) + (rest(continued) - rest(scratch));
  if (!(needed > 0) || !(scratch.beta > 0)) return std::nullopt;
  return std::exp((scratch.log_b - scratch.gamma * log_n - std::log(needed)) / scratch.beta);
}

std::optional<double> crossing_tokens(const PowerForm& scratch, const PowerForm& continued,
                                      double params) {
  // Equal data terms: B D^-beta = B' D^-beta' N^-gamma'; the shared E and A/N^alpha cancel.
  const double difference = scratch.beta - continued.beta;
  if (difference == 0) return std::nullopt;
  const double gamma = continued.gamma - scratch.gamma;
  return std::exp((scratch.log_b - continued.log_b + gamma * std::log(params)) / difference);
}

}  // namespace crosslaw::fit
