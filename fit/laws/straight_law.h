#pragma once

#include "fit/laws/law.h"

namespace crosslaw::fit {

// The curves of a law in coordinates in which no coefficient drags the others along a curved
// valley: a walk may take long steps there, and ends in the law's own.
struct StraightLaw {
  const Law* law = nullptr;
  // From the law's own coordinates, centred, to these; false where they do not reach.
  bool (*straighten)(double* theta) = nullptr;
  void (*bend)(double* theta) = nullptr;  // and back, into the reach of the law's own
  // The same with E = 0: its kFollowing-th coordinate, which is to be frozen, follows from others.
  const Law* without_floor = nullptr;
  static constexpr int kFollowing = 3;
};

// log of E over the loss at the origin where none is left: e^-60 of it is far below what a double
// resolves beside it.
inline constexpr double kNoFloor = -60;

// Of a term with a lower exponent, nearly a constant, these coordinates are not defined.
inline constexpr double kLeastExponent = 1e-3;

// Where both terms are more than the loss at the origin, so that E is below 0: the curve of E = 0
// with the same loss and slopes there.
void lift_floor(double* theta);

// Sets the coordinate that follows where E = 0.
void follow(Theta& theta);

// Null: the law has none, or is a variant of one that has.
const StraightLaw* straight_of(const Law& law);

// Of outer.cpp: k alone bends the curve.
const StraightLaw& straight_outer();

}  // namespace crosslaw::fit
