#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fit/data/points.h"
#include "fit/laws/law.h"

// Data with a known truth, and the published data under tests/data/scaling.
namespace planted {

inline constexpr double kE = 1.69, kA = 406.4, kAlpha = 0.34, kB = 410.7, kBeta = 0.28;
inline constexpr double kContinuedB = 150.0, kContinuedBeta = 0.21, kGamma = 0.06;

// `sizes` sizes from 1e7 to 1e10, each at the given tokens per parameter; losses by the law and
// values (order of Law::coefficients), times exp(noise * standard normal). Cluster: the size.
crosslaw::fit::Points sweep(const crosslaw::fit::Law& law, const std::vector<double>& values,
                            int sizes, const std::vector<double>& tokens_per_param,
                            double noise = 0, unsigned seed = 1,
                            crosslaw::fit::Stage stage = crosslaw::fit::Stage::kScratch);

// Scratch points by the chinchilla law and continued points by the extended one, E, A, alpha
// shared.
crosslaw::fit::Points two_strategies(double noise = 0, unsigned seed = 1);

// The points of one entry of reference_fits.json. Throws for an unknown key.
crosslaw::fit::Points reference_points(const std::string& key);
std::vector<std::string> reference_keys();

std::string data_path(std::string_view file);

}  // namespace planted
