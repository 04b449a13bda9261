#pragma once

namespace crosslaw::trainer {

// "0.1.0 (commit abc1234, g++ 12.2.0, LibTorch 2.11.0 + CUDA 13.0)".
const char* build_text();

}  // namespace crosslaw::trainer
