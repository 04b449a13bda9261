#include "fit/laws/laws.h"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

namespace crosslaw::fit {
namespace {

const std::array kLaws = {
    &chinchilla_law,      &extended_law,   &joint_law,          &outer_law,
    &kaplan_law,          &farseer_law,    &effective_data_law, &effective_data_repeats_law,
    &d_cpt_law,           &forgetting_law, &base_budget_law,    &base_interaction_law,
    &data_constrained_law};

}  // namespace

const Law& find_law(std::string_view name) {
  for (const auto make : kLaws) {
    if (make().name == name) return make();
  }
  std::string known;
  for (const std::string_view each : law_names()) known += fmt::format(" {}", each);
  throw std::invalid_argument(fmt::format("unknown law '{}'; known laws:{}", name, known));
}

std::vector<std::string_view> law_names() {
  std::vector<std::string_view> out;
  for (const auto make : kLaws) out.push_back(make().name);
  return out;
}

}  // namespace crosslaw::fit
