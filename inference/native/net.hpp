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
#include "kernels/exponential.hpp"

namespace ratchet {

inline constexpr std::size_t STATE_INPUTS = 5;  // side, age_fraction, unrealised, peak, trough
inline constexpr std::size_t KNOTS = 33;        // of a calibration map
inline constexpr std::size_t MAX_WIDTH = 512, MAX_GRID = 64, LANES = 16;

typedef float Lanes __attribute__((vector_size(64)));
/// Lanes in memory; on their own they would be aligned only as far as the oldest processor asks.
struct alignas(64) Tile {
    Lanes lanes;
};

/// out[t] = start[t] + the sum of rows[i][t] * x[i] over all inputs i, for `tiles` vectors, four at a time in
/// registers; not below 0 where `rectify`.
RATCHET_CLONES static void accumulate(const Tile* rows, const Tile* start, std::size_t tiles, const float* x,
                                      std::size_t inputs, bool rectify, Tile* out) {
    std::size_t t = 0;
    for (; t + 4 <= tiles; t += 4) {
        Lanes a = start[t].lanes, b = start[t + 1].lanes, c = start[t + 2].lanes, d = start[t + 3].lanes;
        const Tile* row = rows + t;
        for (std::size_t i = 0; i < inputs; ++i, row += tiles) {
            const float xi = x[i];
            a += row[0].lanes * xi;
            b += row[1].lanes * xi;
            c += row[2].lanes * xi;
            d += row[3].lanes * xi;
        }
        out[t].lanes = a, out[t + 1].lanes = b, out[t + 2].lanes = c, out[t + 3].lanes = d;
    }
    for (; t + 2 <= tiles; t += 2) {
        Lanes a = start[t].lanes, b = start[t + 1].lanes;
        const Tile* row = rows + t;
        for (std::size_t i = 0; i < inputs; ++i, row += tiles) {
            a += row[0].lanes * x[i];
            b += row[1].lanes * x[i];
        }
        out[t].lanes = a, out[t + 1].lanes = b;
    }
    for (; t < tiles; ++t) {
        Lanes a = start[t].lanes;
        const Tile* row = rows + t;
        for (std::size_t i = 0; i < inputs; ++i, row += tiles) a += row[0].lanes * x[i];
        out[t].lanes = a;
    }
    if (rectify)
        for (t = 0; t < tiles; ++t) out[t].lanes = out[t].lanes > 0.0f ? out[t].lanes : Lanes{};
}

/// One dense layer, weights transposed to (in, out) and padded to whole vectors.
struct Dense {
    std::size_t inputs, outputs, tiles;
    bool relu;
    std::vector<Tile> rows, bias;

    Dense(const float* weight, const float* offset, std::size_t in, std::size_t out, bool rectify)
        : inputs(in), outputs(out), tiles((out + LANES - 1) / LANES), relu(rectify), rows(in * tiles), bias(tiles) {
        if (in > MAX_WIDTH || out > MAX_WIDTH)
            throw std::invalid_argument(message("layer", "must be at most 512 wide", std::to_string(std::max(in, out)),
                                                "train a narrower net"));
        for (std::size_t o = 0; o < out; ++o) {
            bias[o / LANES].lanes[o % LANES] = offset[o];
            for (std::size_t i = 0; i < in; ++i) rows[i * tiles + o / LANES].lanes[o % LANES] = weight[o * in + i];
        }
    }
};

/// First-layer sums over the features of one bar.
struct Prepared {
    std::array<Tile, MAX_WIDTH / LANES> sums;
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
        accumulate(first.rows.data(), first.bias.data(), first.tiles, z, n, false, prepared.sums.data());
    }

    /// Two calibrated curves of `grid()` probabilities each into `out`.
    void forward(const Prepared& prepared, const float* state, float* out) const {
        Tile one[MAX_WIDTH / LANES], two[MAX_WIDTH / LANES];
        Tile *from = one, *to = two;
        const Dense& first = layers_.front();
        float z[STATE_INPUTS];
        for (std::size_t i = 0; i < STATE_INPUTS; ++i) z[i] = scaled(state[i], features() + i);
        accumulate(first.rows.data() + features() * first.tiles, prepared.sums.data(), first.tiles, z, STATE_INPUTS,
                   first.relu, from);
        for (std::size_t l = 1; l < layers_.size(); ++l) {
            const Dense& layer = layers_[l];
            accumulate(layer.rows.data(), layer.bias.data(), layer.tiles, reinterpret_cast<const float*>(from),
                       layer.inputs, layer.relu, to);
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
        for (std::size_t i = 0; i < n; ++i)
            z[i] = clipped((static_cast<float>(features[i]) - mean[i]) / scale[i], clip);
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
