#pragma once

namespace crosslaw::apps {

// "0.1.0 (commit abc1234, g++ 12.2.0, LibTorch 2.11.0 + CUDA 13.0)".
const char* own_build();

}  // namespace crosslaw::apps
