/* The clinical model on SUNDIALS CVODE alone: BDF, dense Jacobian, daily output.
   Compiled and loaded by benchmarks/cvode.py. States are amounts, as in the exchange file. */
#include <cvode/cvode.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunmatrix/sunmatrix_dense.h>

enum { K12, K21, KELE, KELM, RM, KEXP, EC50, KKILL, KC50, KG, BIND, UNBIND, AGCAR, AGTUM, START, KM, GM, KB, GB, DOSE };

static int rhs(sunrealtype t, N_Vector yv, N_Vector dv, void *data) {
  const double *p = data, *y = N_VGetArrayPointer(yv);
  double *d = N_VGetArrayPointer(dv);
  double carts = y[2] + y[3], x = y[4] / (carts + 1e-30), z = y[4] / (y[5] + 1e-30), ratio = y[5] / p[START];
  double expand = p[KEXP] * x / (p[EC50] + x), kill = p[KKILL] * z / (p[KC50] + z);
  (void)t;
  d[0] = -(p[K12] + p[KELE]) * y[0] + p[K21] * y[2];
  d[1] = -(p[K12] + p[KELM]) * y[1] + p[K21] * y[3];
  d[2] = p[K12] * y[0] + (expand - p[K21] - p[RM]) * y[2];
  d[3] = p[K12] * y[1] - p[K21] * y[3] + p[RM] * y[2];
  d[4] = p[BIND] * (carts * p[AGCAR] - y[4]) * (y[5] * p[AGTUM] - y[4]) - p[UNBIND] * y[4];
  d[5] = (p[KG] - kill) * y[5];
  d[6] = p[KM] * (pow(fmax(ratio, 0.0), p[GM]) - y[6]);
  d[7] = p[KB] * (pow(fmax(ratio, 0.0), p[GB]) - y[7]);
  return 0;
}

/* Integrates to day `days`; out holds effector and memory cells in blood, and M-protein over baseline, by day. */
int clinical(const double *p, int days, double *out) {
  SUNContext context;
  if (SUNContext_Create(NULL, &context)) return -1;
  N_Vector y = N_VNew_Serial(8, context);
  double start[8] = {p[DOSE], 0, 0, 0, 0, p[START], 1, 1}, *state = N_VGetArrayPointer(y), t = 0;
  for (int i = 0; i < 8; i++) state[i] = start[i];
  void *solver = CVodeCreate(CV_BDF, context);
  CVodeSetErrFile(solver, NULL);
  CVodeInit(solver, rhs, 0.0, y);
  N_Vector tolerance = N_VNew_Serial(8, context); /* as libRoadRunner scales its scalar: by the state at the start */
  for (int i = 0; i < 8; i++) N_VGetArrayPointer(tolerance)[i] = 1e-12 * (start[i] > 0 ? start[i] : 1);
  CVodeSVtolerances(solver, 1e-6, tolerance);
  CVodeSetMaxNumSteps(solver, 20000);
  CVodeSetUserData(solver, (void *)p);
  SUNMatrix matrix = SUNDenseMatrix(8, 8, context);
  SUNLinearSolver linear = SUNLinSol_Dense(y, matrix, context);
  CVodeSetLinearSolver(solver, linear, matrix);
  int flag = 0;
  for (int day = 0; day <= days && flag >= 0; day++) {
    if (day) flag = CVode(solver, day, y, &t, CV_NORMAL);
    out[3 * day] = state[0], out[3 * day + 1] = state[1], out[3 * day + 2] = state[6];
  }
  CVodeFree(&solver);
  SUNLinSolFree(linear);
  SUNMatDestroy(matrix);
  N_VDestroy(tolerance);
  N_VDestroy(y);
  SUNContext_Free(&context);
  return flag;
}
