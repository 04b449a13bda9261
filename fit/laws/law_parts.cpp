#include "fit/laws/law_parts.h"

#include <fmt/format.h>

#include <numeric>
#include <stdexcept>

namespace crosslaw::fit {

std::vector<LawPart> parts_of(const Law& law) {
  // Most laws tell no strategies apart and need not say so.
  return law.parts.empty() ? std::vector{whole_of(law)} : law.parts;
}

LawPart whole_of(const Law& law) {
  LawPart out{"", std::nullopt, &law, std::vector<int>(law.coefficients.size())};
  std::iota(out.coefficients.begin(), out.coefficients.end(), 0);
  return out;
}

LawPart part_at(const Law& law, Stage stage) {
  for (LawPart& part : parts_of(law)) {
    if (describes(part, stage)) return std::move(part);
  }
  throw std::invalid_argument(fmt::format("law '{}' says nothing of such points", law.name));
}

bool describes(const LawPart& part, Stage stage) { return !part.stage || *part.stage == stage; }

Theta part_theta(const LawPart& part, const Theta& whole) {
  Theta out(part.law->size());
  for (int i = 0; i < out.size(); ++i) {
    out[i] = whole[part.coefficients[static_cast<std::size_t>(i)]];
  }
  return out;
}

Points points_of(const LawPart& part, const Points& points) {
  return points_at(part.stage, points);
}

Points points_at(const std::optional<Stage>& stage, const Points& points) {
  return stage ? select_stage(points, *stage) : points;
}

std::vector<int> indices_of(const LawPart& part, const Points& points) {
  std::vector<int> out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (describes(part, points[i].stage)) out.push_back(static_cast<int>(i));
  }
  return out;
}

std::string labelled(std::string_view strategy, std::string_view what) {
  return strategy.empty() ? std::string(what) : fmt::format("{} {}", strategy, what);
}

}  // namespace crosslaw::fit
