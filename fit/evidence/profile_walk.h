#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fit/evidence/profile.h"
#include "fit/solve/distributions.h"
#include "fit/solve/objective.h"

// The walk behind every profile: outward from the optimum, one coordinate held. Not meant for users
// of the library.
namespace crosslaw::fit {

// The best fit found with the coordinate held at `at`.
struct Held {
  double at = 0;
  double objective = 0;
  Theta theta;
};

struct ProfileWalk {
  std::string name;
  std::function<Held(double at, const Held& from)> hold;  // a refit that starts at a neighbour
  Held best;                                              // the optimum
  double limit = 0;                                       // objective at the end of the interval
  double lowest = 0;                                      // what the coordinate may be
  double highest = 0;
  double step = 0;         // the first; its size only costs time
  bool logarithm = false;  // the coordinate is the log of the quantity
};

// Samples beyond the free coefficients.
int objective_freedom(const Objective& objective);

// F* + tau q / 2 with q the 95 % quantile of F with one and `freedom` degrees of freedom, those
// left over by the fit: chi-square, its limit for many, is too small for few. Infinite where none
// is left.
double profile_limit(double objective, double tau, int freedom);

// Walks both sides of every profile, from as many workers as there are threads.
std::vector<Profile> walk_profiles(const std::vector<ProfileWalk>& walks, int threads);

}  // namespace crosslaw::fit
