// The compiled forward pass of one exported net: scaling, hidden layers, monotone curves, calibration.
//
// Features change once per bar, the position's state with every tick: `prepare` folds the features into the first
// layer once, `forward` adds the five state inputs and runs the rest. Additions keep one order everywhere and nothing
// is contracted or reassociated, so all machines give the same bits.
#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "clones.hpp"
#include "errors.hpp"
#include "exponential.hpp"

namespace ratchet {

inline constexpr std::size_t STATE_INPUTS = 5;  // side, age_fraction, unrealised, peak, trough
inline constexpr std::size_t KNOTS = 33;        // of a calibration map
inline constexpr std::size_t MAX_WIDTH = 512, MAX_GRID = 64, LANES = 16;

typedef float Lanes __attribute__((vector_size(64)));

/// sums[t] += rows[i][t] * x[i] over all inputs i, for `tiles` vectors of sums, four at a time in registers.
RATCHET_CLONES static void accumulate(const Lanes* rows, std::size_t tiles, const float* x, std::size_t inputs,
                                      Lanes* sums) {
    std::size_t t = 0;
    for (; t + 4 <= tiles; t += 4) {
        Lanes a = sums[t], b = sums[t + 1], c = sums[t + 2], d = sums[t + 3];
        const Lanes* row = rows + t;
        for (std::size_t i = 0; i < inputs; ++i, row += tiles) {
            const float xi = x[i];
            a += row[0] * xi;
            b += row[1] * xi;
            c += row[2] * xi;
            d += row[3] * xi;
        }
        sums[t] = a, sums[t + 1] = b, sums[t + 2] = c, sums[t + 3] = d;
    }
    for (; t < tiles; ++t) {
        Lanes a = sums[t];
        const Lanes* row = rows + t;
        for (std::size_t i = 0; i < inputs; ++i, row += tiles) a += row[0] * x[i];
        sums[t] = a;
    }
}

/// One dense layer, weights transposed to (in, out) and padded to whole vectors.
struct Dense {
    std::size_t inputs, outputs, tiles;
    bool relu;
    std::vector<Lanes> rows, bias;

    Dense(const float* weight, const float* offset, std::size_t in, std::size_t out, bool rectify)
        : inputs(in), outputs(out), tiles((out + LANES - 1) / LANES), relu(rectify), rows(in * tiles), bias(tiles) {
        if (in > MAX_WIDTH || out > MAX_WIDTH)
            throw std::invalid_argument(message("layer", "must be at most 512 wide", std::to_string(std::max(in, out)),
                                                "train a narrower net"));
        for (std::size_t o = 0; o < out; ++o) {
            bias[o / LANES][o % LANES] = offset[o];
            for (std::size_t i = 0; i < in; ++i) rows[i * tiles + o / LANES][o % LANES] = weight[o * in + i];
        }
    }
    void rectify(Lanes* sums) const {
        if (!relu) return;
        for (std::size_t t = 0; t < tiles; ++t) sums[t] = sums[t] > 0.0f ? sums[t] : Lanes{};
    }
};

/// First-layer sums over the features of one bar.
struct Prepared {
    std::array<Lanes, MAX_WIDTH / LANES> sums;
};

class Net {
  public:
    Net(std::vector<float> mean, std::vector<float> scale, float clip, std::vector<Dense> layers, std::size_t grid,
        bool nested, std::vector<float> calibration)
        : mean_(std::move(mean)),
          scale_(std::move(scale)),
          clip_(clip),
          layers_(std::move(layers)),
          grid_(grid),
          nested_(nested),
          calibration_(std::move(calibration)) {
        auto require = [](bool ok, const char* name, const char* rule, std::size_t was) {
            if (!ok) throw std::invalid_argument(message(name, rule, std::to_string(was), "export the net again"));
        };
        require(!layers_.empty(), "layers", "must hold at least the head", 0);
        require(grid_ >= 1 && grid_ <= MAX_GRID, "grid", "must have 1 to 64 points", grid_);
        require(mean_.size() > STATE_INPUTS && mean_.size() == scale_.size(), "scaling", "must cover all inputs",
                mean_.size());
        require(layers_.front().inputs == mean_.size(), "layers", "must take all inputs", layers_.front().inputs);
        for (std::size_t i = 1; i < layers_.size(); ++i)
            require(layers_[i].inputs == layers_[i - 1].outputs, "layers", "must fit together", layers_[i].inputs);
        require(layers_.back().outputs == 2 * grid_, "layers", "must end in two curves", layers_.back().outputs);
        require(calibration_.size() == 2 * KNOTS, "calibration", "must hold two maps of 33 knots", calibration_.size());
    }

    std::size_t inputs() const { return mean_.size(); }
    std::size_t features() const { return mean_.size() - STATE_INPUTS; }
    std::size_t grid() const { return grid_; }

    void prepare(const double* features, Prepared& prepared) const {
        float z[MAX_WIDTH];
        const std::size_t n = this->features();
        scale(features, mean_.data(), scale_.data(), clip_, n, z);
        const Dense& first = layers_.front();
        for (std::size_t t = 0; t < first.tiles; ++t) prepared.sums[t] = first.bias[t];
        accumulate(first.rows.data(), first.tiles, z, n, prepared.sums.data());
    }

    /// Two calibrated curves of `grid()` probabilities each into `out`.
    void forward(const Prepared& prepared, const float* state, float* out) const {
        Lanes one[MAX_WIDTH / LANES], two[MAX_WIDTH / LANES];
        Lanes *from = one, *to = two;
        const Dense& first = layers_.front();
        float z[STATE_INPUTS];
        for (std::size_t i = 0; i < STATE_INPUTS; ++i) z[i] = scaled(state[i], features() + i);
        for (std::size_t t = 0; t < first.tiles; ++t) from[t] = prepared.sums[t];
        accumulate(first.rows.data() + features() * first.tiles, first.tiles, z, STATE_INPUTS, from);
        first.rectify(from);
        for (std::size_t l = 1; l < layers_.size(); ++l) {
            const Dense& layer = layers_[l];
            for (std::size_t t = 0; t < layer.tiles; ++t) to[t] = layer.bias[t];
            accumulate(layer.rows.data(), layer.tiles, reinterpret_cast<const float*>(from), layer.inputs, to);
            layer.rectify(to);
            std::swap(from, to);
        }
        curves(reinterpret_cast<const float*>(from), grid_, nested_, calibration_.data(), out);
    }

  private:
    float scaled(float x, std::size_t i) const { return clipped((x - mean_[i]) / scale_[i], clip_); }
    static float clipped(float z, float clip) {
        const float below = z < clip ? z : clip;
        return below > -clip ? below : -clip;
    }
    RATCHET_CLONES static void scale(const double* __restrict features, const float* __restrict mean,
                                     const float* __restrict scale, float clip, std::size_t n, float* __restrict z) {
        for (std::size_t i = 0; i < n; ++i) z[i] = clipped((static_cast<float>(features[i]) - mean[i]) / scale[i], clip);
    }
    /// exp(-softplus(a)) = 1 / (1 + e^a): the survival curve is the running product of those.
    RATCHET_CLONES static void curves(const float* __restrict raw, std::size_t grid, bool nested,
                                      const float* __restrict calibration, float* __restrict out) {
        float p[2 * MAX_GRID];
        for (std::size_t k = 0; k < 2 * grid; ++k) p[k] = 1.0f / (1.0f + natural_exp(raw[k]));
        float survival = 1.0f, second = 1.0f;
        for (std::size_t k = 0; k < grid; ++k) {
            p[k] = survival *= p[k];
            second *= p[grid + k];
            p[grid + k] = nested ? survival * second : second;
        }
        for (std::size_t k = 0; k < grid; ++k) out[k] = calibrated(p[k], calibration);
        for (std::size_t k = grid; k < 2 * grid; ++k) out[k] = calibrated(p[k], calibration + KNOTS);
        if (nested)
            for (std::size_t k = 0; k < grid; ++k) out[grid + k] = std::min(out[grid + k], out[k]);
    }
    static float calibrated(float p, const float* map) {
        const float position = p * static_cast<float>(KNOTS - 1);
        const std::int32_t knot = std::min(static_cast<std::int32_t>(position), static_cast<std::int32_t>(KNOTS) - 2);
        return map[knot] + (position - static_cast<float>(knot)) * (map[knot + 1] - map[knot]);
    }

    std::vector<float> mean_, scale_;
    float clip_;
    std::vector<Dense> layers_;
    std::size_t grid_;
    bool nested_;
    std::vector<float> calibration_;
};

}  // namespace ratchet
