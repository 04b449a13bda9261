#pragma once

#include <string>
#include <vector>

#include "fit/laws/law.h"

// The strategies of a law, so that nothing else needs to know which coefficients are whose. A law
// of one strategy has one part: itself.
namespace crosslaw::fit {

std::vector<LawPart> parts_of(const Law& law);
// The only part of a law as a whole, whatever strategies it tells apart.
LawPart whole_of(const Law& law);
// The part that describes points of a stage. Throws std::invalid_argument where none does.
LawPart part_at(const Law& law, Stage stage);
bool describes(const LawPart& part, Stage stage);

// The coordinates of a part among those of the whole law, plain or centred alike.
Theta part_theta(const LawPart& part, const Theta& whole);

// The points that a part describes, in their order, and their places.
Points points_of(const LawPart& part, const Points& points);
Points points_at(const std::optional<Stage>& stage, const Points& points);  // empty: all
std::vector<int> indices_of(const LawPart& part, const Points& points);

// What is said of one strategy: "continued N*", or "N*" where there is only one.
std::string labelled(std::string_view strategy, std::string_view what);

}  // namespace crosslaw::fit
